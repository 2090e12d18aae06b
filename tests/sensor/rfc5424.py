"""A strict reader of syslog messages: RFC 5424 s6 by its grammar, nothing forgiven."""
import re

HEADER = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>([1-9][0-9]{0,2}) "
    rb"(-|[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    rb"(?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])) "
    rb"([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) ")
SD_NAME = rb"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}"  # printable ASCII without = ] "
SD_ID = re.compile(rb"\[(" + SD_NAME + rb")")
SD_PARAM = re.compile(rb" (" + SD_NAME + rb")=\"((?:[^\"\\\]]|\\[\"\\\]])*)\"")
BOM = b"\xef\xbb\xbf"


def parse(data):
    """{priority, timestamp, host, app, process, msgid, id, parameters, text}; ValueError where the grammar is broken."""
    match = HEADER.match(data)
    if not match:
        raise ValueError(f"header: {data[:80]!r}")
    priority, version = int(match[1]), int(match[2])
    if priority > 191 or version != 1:
        raise ValueError(f"priority {priority}, version {version}")
    element = SD_ID.match(data, match.end())
    if not element:
        raise ValueError(f"structured data: {data[match.end():match.end() + 80]!r}")
    name, number = element[1].decode().split("@")
    if not number.isdigit() or number.startswith("0"):
        raise ValueError(f"SD-ID {element[1]!r}")
    at, parameters = element.end(), {}
    while (parameter := SD_PARAM.match(data, at)):
        value = re.sub(rb'\\(["\\\]])', rb"\1", parameter[2]).decode("utf-8")
        if parameter[1].decode() in parameters:
            raise ValueError(f"{parameter[1]!r} is there twice")
        parameters[parameter[1].decode()] = value
        at = parameter.end()
    if data[at:at + 2] != b"] ":
        raise ValueError(f"after the parameters: {data[at:at + 40]!r}")
    text = data[at + 2:]
    if not text.startswith(BOM):
        raise ValueError("no BOM before a text in UTF-8")
    text = text[len(BOM):].decode("utf-8")
    if any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in text + "".join(parameters.values())):
        raise ValueError("a control character")
    return {"priority": priority, "timestamp": match[3].decode(), "host": match[4].decode(), "app": match[5].decode(),
            "process": match[6].decode(), "msgid": match[7].decode(), "name": name, "number": int(number),
            "parameters": parameters, "text": text}


def octet_counted(data):
    """Messages of a TCP stream, RFC 6587 s3.4.1; ValueError where a count is wrong or a rest is left."""
    messages = []
    while data:
        head, space, rest = data.partition(b" ")
        if not space or not re.fullmatch(rb"[1-9][0-9]*", head) or len(rest) < int(head):
            raise ValueError(f"count: {data[:40]!r}")
        messages.append(rest[:int(head)])
        data = rest[int(head):]
    return messages
