"""A dashboard: variables, links to the others, and panels that flow over a grid of 24 columns."""

from panels import ROLL, SHARED, SOURCE, series

TAG = "waxseal"
RESOLUTIONS = ("1m", "1h", "1d")


def choice(text, chosen):
    return {"text": text, "value": text, "selected": text == chosen}


def query_variable(name, label, query, text, every):
    """Options from a Redis set. every: the option All, which stands for the scope `all` of the rollups."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "description": text,
        "datasource": SOURCE,
        "query": query,
        "refresh": 1,
        "sort": 1,
        "regex": "",
        "multi": False,
        "includeAll": every,
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
        **({"allValue": "all", "current": {"text": "All", "value": "$__all", "selected": True}} if every else {}),
    }


def text_variable(name, label, text):
    return {
        "name": name,
        "label": label,
        "type": "textbox",
        "description": text,
        "query": "",
        "hide": 0,
        "skipUrlSync": False,
        "current": {"text": "", "value": "", "selected": True},
        "options": [{"text": "", "value": "", "selected": True}],
    }


def variables(every_sensor, texts):
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "redis-datasource",
            "regex": "",
            "refresh": 1,
            "multi": False,
            "includeAll": False,
            "options": [],
            "hide": 0,
            "skipUrlSync": False,
            "description": "A data source of type Redis",
        },
        query_variable(
            "site", "Site", "SMEMBERS waxseal:sites", "One site's figures are kept apart from another's", False
        ),
        query_variable(
            "sensor",
            "Sensor",
            "SMEMBERS waxseal:{${site}}:sensors",
            (
                "Charts over time: of one sensor, or of all. Figures of 24 hours and tables are always of the whole"
                " site"
                if every_sensor
                else "Whose health is charted; health is kept for each sensor"
            ),
            every_sensor,
        ),
        {
            "name": "resolution",
            "label": "Resolution",
            "type": "custom",
            "query": ",".join(RESOLUTIONS),
            "multi": False,
            "includeAll": False,
            "description": "Length of a bucket in the charts: minutes are kept 7 days, hours 90 days, days 5 years",
            "current": choice("1m", "1m"),
            "options": [choice(text, "1m") for text in RESOLUTIONS],
            "hide": 0,
            "skipUrlSync": False,
        },
        *texts,
    ]


class Board:
    def __init__(self, uid, title, text, every_sensor=True, texts=()):
        self.uid, self.title, self.text = uid, title, text
        self.variables = variables(every_sensor, texts)
        self.panels, self.x, self.y, self.height, self.names, self.rollup_panel = [], 0, 0, 0, {}, None

    def next_line(self):
        self.y += self.height
        self.x = self.height = 0

    def place(self, item, width, height):
        if self.x + width > 24:
            self.next_line()
        item["gridPos"] = {"x": self.x, "y": self.y, "w": width, "h": height}
        item["id"] = len(self.panels) + 1
        self.x, self.height = self.x + width, max(self.height, height)
        self.panels.append(item)

    def row(self, title):
        self.next_line()
        self.place({"type": "row", "title": title, "collapsed": False, "panels": []}, 24, 1)
        self.next_line()

    def add(self, item, width, height, name=None):
        """name: by which an alert rule finds the panel."""
        self.place(item, width, height)
        if name:
            self.names[name] = item["id"]

    def rollup(self):
        """The target of a chart: the rollup stream is asked for once, other charts share the answer."""
        if self.rollup_panel is None:
            self.rollup_panel = len(self.panels) + 1
            return series(ROLL)
        return {"refId": "A", "datasource": SHARED, "panelId": self.rollup_panel}

    def json(self):
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.text,
            "tags": [TAG],
            "id": None,
            "editable": False,
            "schemaVersion": 39,
            "version": 1,
            "timezone": "browser",
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "liveNow": False,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
            "annotations": {"list": []},
            "links": [
                {
                    "type": "dashboards",
                    "title": "Waxseal",
                    "tags": [TAG],
                    "asDropdown": False,
                    "icon": "external link",
                    "tooltip": "",
                    "url": "",
                    "targetBlank": False,
                    "includeVars": True,
                    "keepTime": True,
                }
            ],
            "templating": {"list": self.variables},
            "panels": self.panels,
        }
