"""Is this HTML well-formed and self-contained? Stricter than a browser, which repairs everything."""
import html.parser
import re

VOID = {"meta", "br", "link", "img", "input", "hr", "wbr"}
SVG_EMPTY = {"rect", "line", "circle", "path"}
KNOWN = VOID | SVG_EMPTY | set(
    "html head title style body header main footer nav section h1 h2 h3 p ul ol li a b span code div dl dt dd figure "
    "figcaption table caption thead tbody tr th td details summary svg defs pattern desc text g".split())
PARENTS = {"li": {"ul", "ol"}, "dt": {"div"}, "dd": {"div"}, "tr": {"thead", "tbody"}, "th": {"tr"}, "td": {"tr"},
           "caption": {"table"}, "thead": {"table"}, "tbody": {"table"}, "summary": {"details"},
           "figcaption": {"figure"}, "desc": {"svg"}}
PHRASES_ONLY = {"p", "h1", "h2", "h3", "span", "code", "b", "caption", "dt", "summary", "figcaption", "title"}
PHRASES = {"a", "b", "span", "code", "br", "svg"} | SVG_EMPTY
SCHEME = re.compile(r"(?:https?|ftp|data|javascript):|//", re.I)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.open, self.problems, self.ids, self.wanted, self.counts = [], [], set(), set(), {}

    def handle_starttag(self, tag, attrs):
        self.begin(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.begin(tag, attrs)
        if tag not in SVG_EMPTY:
            self.problems.append(f"<{tag}/> at line {self.getpos()[0]}")

    def begin(self, tag, attrs):
        parent = self.open[-1] if self.open else ""
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in KNOWN:
            self.problems.append(f"<{tag}> is no element of a report (line {self.getpos()[0]})")
        if tag in PARENTS and parent not in PARENTS[tag]:
            self.problems.append(f"<{tag}> in <{parent}> at line {self.getpos()[0]}")
        if parent in PHRASES_ONLY and tag not in PHRASES:
            self.problems.append(f"<{tag}> in <{parent}> at line {self.getpos()[0]}")
        if len({name for name, _ in attrs}) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        for name, value in attrs:
            self.attribute(tag, name, value or "")

    def attribute(self, tag, name, value):
        if name == "id":
            if value in self.ids:
                self.problems.append(f"id {value} is there twice")
            self.ids.add(value)
        if name == "aria-labelledby":
            self.wanted.update(value.split())
        if name == "href":
            self.wanted.add(value.lstrip("#"))
        if name.startswith("on") or name in ("src", "srcdoc", "action"):
            self.problems.append(f"<{tag} {name}>")
        if name != "aria-label" and SCHEME.search(value):
            self.problems.append(f"<{tag} {name}=\"{value}\"> points out of the file")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at line {self.getpos()[0]} closes nothing")

    def handle_data(self, data):
        if ("<" in data or ">" in data or "&" in data) and self.open[-1:] != ["style"]:
            self.problems.append(f"unescaped text at line {self.getpos()[0]}: {data[:40]!r}")


def problems_of(text):
    page = Page()
    page.feed(text)
    page.close()
    problems = page.problems
    if not text.startswith("<!DOCTYPE html>\n<html lang=\"en\">"):
        problems.append("begins with no doctype and language")
    if page.open:
        problems.append(f"never closed: {page.open}")
    problems += [f"nothing has the id {name}" for name in sorted(page.wanted - page.ids)]
    if page.counts.get("table", 0) != page.counts.get("caption", 0):
        problems.append("a table without a caption")
    if page.counts.get("h1") != 1:
        problems.append("not exactly one h1")
    if "url(" in re.sub(r"url\(#p-\w+\)", "", text):
        problems.append("a url() in the file")
    return problems
