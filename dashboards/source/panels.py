"""The parts of which the dashboards are made: targets, panels, fields, and the flow of panels over the grid.

What the Redis data source can and cannot return decides the shape of everything here:
  - HMGET of the hash `now` feeds numbers; one row with a column for each gauge.
  - XRANGE of a rollup stream feeds charts. An entry has every counter, so only one panel of a dashboard asks and the
    others take their share of its answer (data source "-- Dashboard --").
  - XRANGE of a view, from - to +, feeds tables, whatever the time range.
Colours say one thing everywhere: see COLOURS."""

SOURCE = {"type": "redis-datasource", "uid": "${datasource}"}
SHARED = {"type": "datasource", "uid": "-- Dashboard --"}
SITE = "waxseal:{${site}}:"
ROLL = SITE + "roll:${resolution}:${sensor}"

COLOURS = {
    "good": "#37872D",  # compliant, encrypted, upgraded, the newest version
    "fair": "#73BF69",  # right, though not the best: TLS 1.2, hidden by TLS 1.3
    "low": "#F2CC0C",  # weak; severity low
    "medium": "#FF9830",  # severity medium
    "bad": "#F2495C",  # insecure, cleartext; severity high
    "critical": "#C4162A",  # stripped, SSL, credentials in the clear; severity critical
    "unknown": "#8E8E8E",  # undecidable, not seen
    "count": "#3274D9",  # a number without a judgement
    "count2": "#A352CC",
    "count3": "#1FA2A2",
    "count4": "#806EB7",
}


def colour(name):
    return {"mode": "fixed", "fixedColor": COLOURS[name]}


def steps(base, *pairs):
    """Thresholds: the meaning below the first number, then (number, meaning) upwards."""
    return {
        "mode": "absolute",
        "steps": (
            [{"color": COLOURS[base], "value": None}]
            + [{"color": COLOURS[meaning], "value": value} for value, meaning in pairs]
        ),
    }


SHARE_IS_GOOD = steps("unknown", (0, "bad"), (80, "medium"), (95, "low"), (99, "good"))
SHARE_IS_UNKNOWN = steps("unknown", (20, "medium"), (50, "bad"))
SHARE_IS_GOOD_PART = steps("unknown", (0, "bad"), (0.8, "medium"), (0.95, "low"), (0.99, "good"))
SHARE_IS_UNKNOWN_PART = steps("unknown", (0.2, "medium"), (0.5, "bad"))
MORE_IS_WORSE = steps("good", (1, "bad"))
MORE_IS_CRITICAL = steps("good", (1, "critical"))
MORE_IS_WEAK = steps("good", (1, "medium"))
JUST_A_COUNT = steps("count")
JUST_UNKNOWN = steps("unknown")
LOSS = steps("good", (0.1, "low"), (1, "medium"), (5, "bad"))
DAYS_LEFT = steps("critical", (0, "bad"), (7, "medium"), (14, "low"), (30, "good"))

UNKNOWN = {"type": "value", "options": {"-1": {"text": "unknown", "color": COLOURS["unknown"], "index": 0}}}
NOTHING = {"type": "value", "options": {"none": {"text": "–", "color": COLOURS["unknown"], "index": 1}}}


NO_SESSION = {
    "type": "special",
    "options": {"match": "null+nan", "result": {"text": "no session", "color": COLOURS["unknown"], "index": 9}},
}


def words(**meanings):
    """A mapping of the words of a text column to colours; their text stays."""
    return {
        "type": "value",
        "options": {
            word: {"text": word.replace("_", " "), "color": COLOURS[meaning], "index": i}
            for i, (word, meaning) in enumerate(meanings.items(), 2)
        },
    }


def flag(true_is, yes="yes", no="no"):
    """A mapping of 0 and 1."""
    return {
        "type": "value",
        "options": {
            "0": {"text": no, "color": COLOURS["good" if true_is != "good" else "bad"], "index": 2},
            "1": {"text": yes, "color": COLOURS[true_is], "index": 3},
        },
    }


SEVERITY = words(critical="critical", high="bad", medium="medium", low="low", info="count")
VERSION = words(
    **{"TLS1.3": "good", "TLS1.2": "fair", "TLS1.1": "bad", "TLS1.0": "bad", "SSL3": "critical", "SSL2": "critical"}
)


# ---- Targets: one Redis command each ----


def command(name, key, **more):
    return {
        "refId": "A",
        "type": "command",
        "command": name,
        "keyName": key,
        "query": "",
        "datasource": SOURCE,
        **more,
    }


def gauges(*fields):
    return command("hmget", SITE + "now", field=" ".join(fields))


def series(key=ROLL):
    return command("xrange", key, start="", end="")


def rows(view):
    return command("xrange", SITE + "view:" + view, start="-", end="+", count=2000)


def newest(stream, count):
    return command("xrevrange", SITE + stream, start="", end="", count=count)


def highest(name, count):
    return command("zrange", SITE + "top:" + name, min="0", max=str(count - 1), zrangeQuery="REV")


# ---- Transformations ----


def only(*fields):
    return {"id": "filterFieldsByName", "options": {"include": {"names": list(fields)}}}


def arrange(columns):
    """columns: {field: heading}, in the order wanted."""
    return {
        "id": "organize",
        "options": {
            "excludeByName": {},
            "includeByName": {},
            "indexByName": {name: i for i, name in enumerate(columns)},
            "renameByName": {name: text for name, text in columns.items() if name != text},
        },
    }


def choose(columns):
    return [only(*columns), arrange(columns)]


def compute(alias, left, operator, right):
    return {
        "id": "calculateField",
        "options": {
            "mode": "binary",
            "alias": alias,
            "replaceFields": False,
            "binary": {"left": left, "operator": operator, "right": right, "reducer": "sum"},
        },
    }


def keep_rows(field, test, **options):
    """Rows whose field passes a test, such as greaterOrEqual of value=0."""
    return {
        "id": "filterByValue",
        "options": {
            "type": "include",
            "match": "all",
            "filters": [{"fieldName": field, "config": {"id": test, "options": options}}],
        },
    }


def ranked(field):
    """Rows by a column that need not be shown."""
    return {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": field, "desc": True}]}}


# ---- Fields ----


def override(field, **properties):
    """Everything about one field, in one override. `custom_x` means custom.x."""
    return {
        "matcher": {"id": "byName", "options": field},
        "properties": [
            {"id": name.replace("custom_", "custom."), "value": value} for name, value in properties.items()
        ],
    }


def value(field, label, unit="short", thresholds=JUST_A_COUNT, mappings=None, decimals=None):
    """A number of a stat panel or bar gauge."""
    properties = {"displayName": label, "unit": unit, "thresholds": thresholds, "color": {"mode": "thresholds"}}
    if mappings:
        properties["mappings"] = [UNKNOWN, *mappings]
    if decimals is not None:
        properties["decimals"] = decimals
    return field, override(field, **properties)


def share(field, label="Share"):
    return value(field, label, "percent", SHARE_IS_GOOD, decimals=1)


def unknown_share(field, label="Unknown"):
    return value(field, label, "percent", SHARE_IS_UNKNOWN, decimals=1)


def cell(
    field,
    width=None,
    unit=None,
    thresholds=None,
    mappings=(),
    links=(),
    paint=False,
    align=None,
    decimals=None,
):
    """A column of a table."""
    properties = {}
    if width:
        properties["custom_width"] = width
    if align:
        properties["custom_align"] = align
    if unit:
        properties["unit"] = unit
    if decimals is not None:
        properties["decimals"] = decimals
    if thresholds:
        properties.update(thresholds=thresholds, color={"mode": "thresholds"})
    if mappings:
        properties["mappings"] = [UNKNOWN, NOTHING, *mappings]
    if links:
        properties["links"] = list(links)
    if paint:
        properties["custom_cellOptions"] = {"type": "color-text"}
    return override(field, **properties)


def link(title, dashboard, variable, column):
    """To a dashboard, with one variable from a column of the row. What comes from the wire is percent-encoded."""
    return {
        "title": title,
        "url": (
            f"/d/{dashboard}?${{datasource:queryparam}}&${{site:queryparam}}&${{sensor:queryparam}}"
            f'&${{resolution:queryparam}}&var-{variable}=${{__data.fields["{column}"]:percentencode}}&${{__url_time_range}}'
        ),
    }


# ---- Panels ----


def panel(kind, title, text, target, defaults, overrides=(), options=None, transformations=(), no_data="No data"):
    source = target.get("datasource", SOURCE)
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": source,
        "targets": [target],
        "fieldConfig": {
            "defaults": {"noValue": no_data, "mappings": [UNKNOWN, NOTHING], **defaults},
            "overrides": list(overrides),
        },
        "options": options or {},
        "transformations": list(transformations),
        "transparent": False,
    }


REDUCE = {"values": False, "calcs": ["lastNotNull"], "fields": ""}
QUIET = "No gauges yet: no sensor has written to this site"


def stat(title, text, values, key=None, transformations=(), no_data=QUIET):
    """Numbers side by side, from the hash `now` unless another target is given."""
    fields = [field for field, _ in values]
    options = {
        "reduceOptions": REDUCE,
        "textMode": "value_and_name" if len(values) > 1 else "value",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "vertical" if len(values) > 1 else "auto",
        "wideLayout": False,
        "showPercentChange": False,
    }
    return panel(
        "stat",
        title,
        text,
        key or gauges(*fields),
        {"unit": "short", "thresholds": JUST_A_COUNT, "color": {"mode": "thresholds"}},
        [setting for _, setting in values],
        options,
        transformations,
        no_data,
    )


def bars(
    title, text, target, settings=(), no_data="Nothing in the last 24 hours", unit="short", thresholds=JUST_A_COUNT
):
    """A bar for each column: categories, ranks, steps of a funnel."""
    options = {
        "reduceOptions": REDUCE,
        "orientation": "horizontal",
        "displayMode": "basic",
        "showUnfilled": True,
        "valueMode": "color",
        "minVizHeight": 14,
        "minVizWidth": 8,
        "maxVizHeight": 30,
        "sizing": "auto",
        "namePlacement": "left",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
    }
    return panel(
        "bargauge",
        title,
        text,
        target,
        {"unit": unit, "min": 0, "thresholds": thresholds, "color": {"mode": "thresholds"}},
        settings,
        options,
        no_data=no_data,
    )


def share_bars(title, text, parts, unknown, transformations):
    """Shares made of gauges; parts and unknown: (label, numerator, denominator)."""
    wanted = {name for _, *pair in [*parts, unknown] for name in pair}
    computed = [compute(label, over, "/", under) for label, over, under in [*parts, unknown]]
    asked = {step["options"]["binary"][side] for step in transformations for side in ("left", "right")}
    made = {step["options"]["alias"] for step in transformations}
    columns = {label: label for label, *_ in [*parts, unknown]}
    item = bars(
        title,
        text,
        gauges(*sorted((wanted | asked) - made)),
        [override("Unknown", thresholds=SHARE_IS_UNKNOWN_PART)],
        unit="percentunit",
        thresholds=SHARE_IS_GOOD_PART,
    )
    item["fieldConfig"]["defaults"].update(max=1, mappings=[UNKNOWN, NO_SESSION])
    item["transformations"] = [*transformations, *computed, *choose(columns)]
    return item


def pie(title, text, name, categories, no_data="No session in the last 24 hours"):
    """A hash `hist:`; categories: {name: (label, colour)}."""
    options = {
        "reduceOptions": REDUCE,
        "pieType": "donut",
        "displayLabels": [],
        "tooltip": {"mode": "single", "sort": "none"},
        "legend": {
            "showLegend": True,
            "displayMode": "table",
            "placement": "right",
            "values": ["value", "percent"],
            "calcs": [],
        },
    }
    overrides = [
        override(field, displayName=label, color=colour(meaning)) for field, (label, meaning) in categories.items()
    ]
    return panel(
        "piechart",
        title,
        text,
        command("hgetall", SITE + "hist:" + name),
        {"unit": "short", "color": {"mode": "palette-classic"}},
        overrides,
        options,
        no_data=no_data,
    )


NO_BUCKET = "No bucket in this time range: widen it, or choose a finer resolution"


def chart(
    title,
    text,
    target,
    columns,
    stacked=True,
    unit="short",
    transformations=(),
    no_data=NO_BUCKET,
    calcs=("sum",),
    maximum=None,
):
    """Series over time; columns: {field: (label, colour)} or (label, colour, "dashed")."""
    custom = {
        "drawStyle": "bars" if stacked else "line",
        "fillOpacity": 80 if stacked else 8,
        "lineWidth": 0 if stacked else 2,
        "showPoints": "never" if stacked else "auto",
        "pointSize": 5,
        "spanNulls": False,
        "axisPlacement": "auto",
        "axisLabel": "",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "scaleDistribution": {"type": "linear"},
        "lineInterpolation": "linear",
        "gradientMode": "none",
        "barAlignment": 1,
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "thresholdsStyle": {"mode": "off"},
    }
    overrides = []
    for label, meaning, *style in columns.values():
        more = {"custom_lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom_fillOpacity": 0} if style else {}
        overrides.append(override(label, color=colour(meaning), **more))
    options = {
        "legend": {"showLegend": True, "displayMode": "table", "placement": "right", "calcs": list(calcs)},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    defaults = {"unit": unit, "min": 0, "custom": custom, "color": {"mode": "palette-classic"}}
    if maximum is not None:
        defaults["max"] = maximum
    names = {"$time": "$time", **{field: label for field, (label, *_) in columns.items()}}
    return panel(
        "timeseries", title, text, target, defaults, overrides, options, [*transformations, *choose(names)], no_data
    )


def shares(title, text, target, parts, transformations=()):
    """Shares over time; parts: [(label, numerator, denominator, colour)], the unknown one dashed in grey."""
    computed = [compute(label, over, "/", under) for label, over, under, _ in parts]
    columns = {
        label: (label, meaning, *(["dashed"] if meaning == "unknown" else [])) for label, _, _, meaning in parts
    }
    item = chart(
        title,
        text,
        target,
        columns,
        False,
        "percentunit",
        [*transformations, *computed],
        calcs=("lastNotNull", "mean"),
        maximum=1,
    )
    item["fieldConfig"]["defaults"]["mappings"] = [UNKNOWN, NO_SESSION]
    return item


def table(title, text, target, columns, cells=(), sort=None, descending=True, transformations=(), no_data="No row"):
    """columns: {field: heading}; cells: settings by heading; sort: a heading."""
    options = {
        "showHeader": True,
        "cellHeight": "sm",
    }
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": descending}]
    defaults = {
        "unit": "none",
        "custom": {"align": "auto", "filterable": True, "inspect": False, "cellOptions": {"type": "auto"}},
    }
    return panel(
        "table", title, text, target, defaults, cells, options, [*transformations, *choose(columns)], no_data
    )


def details(title, text, key, no_data):
    """A hash as two columns, name and value."""
    steps_ = [
        {
            "id": "reduce",
            "options": {
                "mode": "seriesToRows",
                "reducers": ["lastNotNull"],
                "includeTimeField": False,
                "labelsToFields": False,
            },
        },
        arrange({"Field": "Fact", "Last *": "Value"}),
    ]
    options = {
        "showHeader": True,
        "cellHeight": "sm",
    }
    return panel(
        "table",
        title,
        text,
        command("hgetall", key),
        {
            "unit": "none",
            "custom": {
                "align": "left",
                "filterable": True,
                "inspect": True,
                "cellOptions": {"type": "auto"},
            },
        },
        [override("Fact", custom_width=190)],
        options,
        steps_,
        no_data,
    )


def times(title, key, fields):
    """Times of a record: {field: label}."""
    return stat(
        title,
        "Times of the record chosen in the table above. A time that was not seen is unknown.",
        [value(name, label, "dateTimeAsIso") for name, label in fields.items()],
        command("hmget", key, field=" ".join(fields)),
        no_data="Choose a row in the table above",
    )
