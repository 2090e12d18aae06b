"""Classic pcap files and the TCP segments inside plain Ethernet frames, for the checks that make or change captures."""
import dataclasses
import struct

MAGICS = {b"\xa1\xb2\xc3\xd4": ">", b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">", b"\x4d\x3c\xb2\xa1": "<"}
ETHERNET = 1
HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, ETHERNET)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


@dataclasses.dataclass
class Packet:
    seconds: int
    fraction: int    # micro- or nanoseconds, as the file has it
    frame: bytes
    wire: int        # length on the wire


def is_pcap(data):
    return data[:4] in MAGICS and len(data) >= 24


def link_type(data):
    return struct.unpack_from(MAGICS[data[:4]] + "I", data, 20)[0] & 0xffff


def record_ends(data):
    """Offsets at which a classic pcap can be cut without cutting a record."""
    order, offset, ends = MAGICS[data[:4]], 24, {24}
    while offset + 16 <= len(data):
        offset += 16 + struct.unpack_from(order + "I", data, offset + 8)[0]
        if offset > len(data):
            break
        ends.add(offset)
    return ends


def packets(data):
    order, offset = MAGICS[data[:4]], 24
    while offset + 16 <= len(data):
        seconds, fraction, captured, wire = struct.unpack_from(order + "IIII", data, offset)
        offset += 16
        if offset + captured > len(data):
            return
        yield Packet(seconds, fraction, data[offset:offset + captured], wire)
        offset += captured


def rewritten(data, change):
    """The same file with each packet replaced by the packets that change(packet) gives."""
    order, out = MAGICS[data[:4]], bytearray(data[:24])
    for packet in packets(data):
        for new in change(packet):
            out += struct.pack(order + "IIII", new.seconds, new.fraction, len(new.frame), new.wire) + new.frame
    return bytes(out)


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


@dataclasses.dataclass
class Segment:
    """Where TCP lies in an Ethernet frame: offsets of the IP header, the TCP header and the payload."""
    version: int
    ip: int
    tcp: int
    payload: int
    end: int


def tcp_segment(frame):
    """The whole, unfragmented TCP segment of an Ethernet frame (VLAN tags allowed), or None."""
    offset = 12
    while frame[offset:offset + 2] in (b"\x81\x00", b"\x88\xa8"):
        offset += 4
    kind, ip = frame[offset:offset + 2], offset + 2
    if kind == b"\x08\x00" and len(frame) >= ip + 20 and frame[ip] >> 4 == 4:
        total, fragment = struct.unpack_from(">HxxH", frame, ip + 2)
        if frame[ip + 9] != 6 or fragment & 0x3fff:
            return None
        version, tcp, end = 4, ip + (frame[ip] & 15) * 4, ip + total
    elif kind == b"\x86\xdd" and len(frame) >= ip + 40 and frame[ip + 6] == 6:
        version, tcp, end = 6, ip + 40, ip + 40 + struct.unpack_from(">H", frame, ip + 4)[0]
    else:
        return None
    if tcp + 20 > end or end > len(frame):
        return None
    payload = tcp + (frame[tcp + 12] >> 4) * 4
    return Segment(version, ip, tcp, payload, end) if tcp + 20 <= payload <= end else None


def with_payload(frame, seg, start, stop):
    """The frame carrying only bytes start to stop of its payload: lengths, sequence number and flags put right
    (FIN and PSH stay with the last byte)."""
    whole = seg.end - seg.payload
    new = bytearray(frame[:seg.payload] + frame[seg.payload + start:seg.payload + stop])
    sequence = struct.unpack_from(">I", frame, seg.tcp + 4)[0]
    struct.pack_into(">I", new, seg.tcp + 4, (sequence + start) & 0xffffffff)
    if stop < whole:
        new[seg.tcp + 13] &= ~(FIN | PSH)
    if seg.version == 4:
        struct.pack_into(">H", new, seg.ip + 2, len(new) - seg.ip)
        struct.pack_into(">H", new, seg.ip + 10, 0)
        struct.pack_into(">H", new, seg.ip + 10, checksum(new[seg.ip:seg.tcp]))
    else:
        struct.pack_into(">H", new, seg.ip + 4, len(new) - seg.tcp)
    return bytes(new)


class Conversation:
    """One TCP connection over IPv4, written packet by packet, a millisecond apart."""

    def __init__(self, capture, client, server, port):
        self.capture = capture
        self.ends = [(client, 40000 + len(capture.ports)), (server, port)]
        capture.ports.add(self.ends[0][1])
        self.sequence = [1000, 5000]
        self.segment(0, flags=SYN)
        self.segment(1, flags=SYN | ACK)
        self.segment(0)

    def segment(self, side, payload=b"", flags=ACK, ahead=0):
        """Send payload; `ahead` bytes before it are left out for now and the place stays open."""
        source, target = self.ends[side], self.ends[1 - side]
        sequence = self.sequence[side] + ahead
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], sequence & 0xffffffff,
                          self.sequence[1 - side] if flags & ACK else 0, 5 << 4, flags, 65535, 0, 0) + payload
        address = [bytes(map(int, end[0].split("."))) for end in (source, target)]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + b"".join(address)
        self.capture.add(b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + tcp)
        if not ahead:
            self.sequence[side] += len(payload) + bool(flags & (SYN | FIN))

    def say(self, side, *lines):
        for line in lines:
            self.segment(side, line.encode() + b"\r\n", ACK | PSH)

    def close(self):
        self.segment(0, flags=ACK | FIN)
        self.segment(1, flags=ACK | FIN)
        self.segment(0)


class Capture:
    """A capture in the making; `data` is the file."""

    def __init__(self, start_s=1700000000):
        self.data, self.now_us, self.ports = bytearray(HEADER), start_s * 1000000, set()

    def add(self, frame):
        self.now_us += 1000
        self.data += struct.pack("<IIII", self.now_us // 1000000, self.now_us % 1000000, len(frame), len(frame))
        self.data += frame
