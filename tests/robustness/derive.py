"""Captures derived from clean ones: what tunnels, fragmentation, mirrors and loss make of the same packets.

A capture is a list of Frame. Each function here takes such a list and gives another one; the clean list is plain Ethernet."""
import dataclasses
import random
import struct

import pcapfile

MAC = bytes.fromhex("020000000001020000000002")
IPV4, IPV6, VLAN, PROVIDER_VLAN = b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x88\xa8"
MS = 1000000


@dataclasses.dataclass(frozen=True)
class Frame:
    time_ns: int
    data: bytes
    wire: int

    def with_data(self, data):
        return Frame(self.time_ns, data, len(data))

    def later(self, ns):
        return dataclasses.replace(self, time_ns=self.time_ns + ns)


def read(data):
    unit = 1000 if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4") else 1
    return [Frame(p.seconds * 10**9 + p.fraction * unit, p.frame, p.wire) for p in pcapfile.packets(data)]


def write(frames, link_type=pcapfile.ETHERNET):
    out = bytearray(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, link_type))
    for f in frames:
        out += struct.pack("<IIII", f.time_ns // 10**9, f.time_ns % 10**9, len(f.data), f.wire) + f.data
    return bytes(out)


def each(change):
    """A function of a capture out of one of a frame."""
    return lambda frames: [f.with_data(change(f.data)) for f in frames]


def segment_of(frame):
    return pcapfile.tcp_segment(frame.data)


# ---- around the packet

def ipv4_header(protocol, length, identification=1, fragment=0, ends=(b"\x0a\0\0\x01", b"\x0a\0\0\x02"), ttl=64):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, identification, fragment, ttl, protocol, 0) + b"".join(ends)
    return header[:10] + struct.pack(">H", pcapfile.checksum(header)) + header[12:]


def over_ip(protocol, body):
    return MAC + IPV4 + ipv4_header(protocol, len(body)) + body


def over_udp(port, body):
    return over_ip(17, struct.pack(">HHHH", 50000, port, 8 + len(body), 0) + body)


def vlan(tag, kind=VLAN):
    return lambda d: d[:12] + kind + struct.pack(">H", tag) + d[12:]


def vlan_by_direction(d):
    """Each direction in a VLAN of its own, as mirrors of two ports deliver it."""
    seg = pcapfile.tcp_segment(d)
    return vlan(10 if not seg or d[seg.tcp:seg.tcp + 2] < d[seg.tcp + 2:seg.tcp + 4] else 20)(d)


def qinq(d):
    return vlan(200, PROVIDER_VLAN)(vlan(100)(d))


def mpls(d):
    """IP behind two labels; what is no plain IP frame as a pseudo-wire."""
    labels = struct.pack(">II", 16 << 12 | 64, 17 << 12 | 0x100 | 64)
    return d[:12] + b"\x88\x47" + labels + (d[14:] if d[12:14] in (IPV4, IPV6) else d)


def pppoe(d):
    body = (b"\x00\x21" if d[12:14] == IPV4 else b"\x00\x57") + d[14:]
    return d[:12] + b"\x88\x64" + struct.pack(">BBHH", 0x11, 0, 7, len(body)) + body


def gre(d):
    return over_ip(47, struct.pack(">HHI", 0x2000, struct.unpack(">H", d[12:14])[0], 5) + d[14:])


def erspan_1(d):
    return over_ip(47, struct.pack(">HH", 0, 0x88be) + d)


def erspan_2(d):
    return over_ip(47, struct.pack(">HHI", 0x1000, 0x88be, 9) + struct.pack(">II", 0x10000005, 0) + d)


def erspan_3(d):
    return over_ip(47, struct.pack(">HHI", 0x1000, 0x22eb, 9) + struct.pack(">III", 0x20000005, 0, 0) + d)


def vxlan(d):
    return over_udp(4789, struct.pack(">II", 0x08000000, 100 << 8) + d)


def geneve(d):
    return over_udp(6081, struct.pack(">BBHI", 0, 0, 0x6558, 100 << 8) + d)


def ip_in_ip(d):
    return over_ip(4 if d[12:14] == IPV4 else 41, d[14:])


def in_ipv6(d):
    body = d[14:]
    header = struct.pack(">IHBB", 0x60000000, len(body), 4 if d[12:14] == IPV4 else 41, 64)
    return MAC + IPV6 + header + bytes(15) + b"\x01" + bytes(15) + b"\x02" + body


def cooked(d):
    return struct.pack(">HHH", 0, 1, 6) + d[6:12] + b"\0\0" + d[12:]


ENCAPSULATIONS = {"vlan": vlan(100), "a vlan a direction": vlan_by_direction, "qinq": qinq, "priority tag": vlan(0xe000), "mpls": mpls, "pppoe": pppoe, "gre": gre,
                  "erspan 1": erspan_1, "erspan 2": erspan_2, "erspan 3": erspan_3, "vxlan": vxlan, "geneve": geneve,
                  "ip in ip, 6in4": ip_in_ip, "ip in ipv6": in_ipv6, "vxlan in erspan 2": lambda d: erspan_2(vxlan(d)),
                  "qinq in mpls": lambda d: mpls(qinq(d))}
COOKED = 113


# ---- the packet itself

def untagged_ip(data):
    """(offset, version) of the IP header of an untagged frame, or None."""
    kind = data[12:14]
    return (14, 4) if kind == IPV4 else (14, 6) if kind == IPV6 else None


def fragments_of(data, size, number):
    """The frame's packet in fragments of `size` octets."""
    found = untagged_ip(data)
    if not found:
        return [data]
    at, version = found
    header = 20 if version == 4 else 40
    length = struct.unpack_from(">H", data, at + (2 if version == 4 else 4))[0] + (0 if version == 4 else 40)
    body = data[at + header:at + length]
    out = []
    for offset in range(0, len(body), size):
        part, more = body[offset:offset + size], offset + size < len(body)
        if version == 4:
            identification = struct.unpack_from(">H", data, at + 4)[0]
            ip = ipv4_header(data[at + 9], len(part), identification, (0x2000 if more else 0) | offset // 8,
                             (data[at + 12:at + 16], data[at + 16:at + 20]))
        else:
            extension = struct.pack(">BBHI", data[at + 6], 0, offset | more, number)
            ip = data[at:at + 4] + struct.pack(">HB", 8 + len(part), 44) + data[at + 7:at + 40] + extension
        out.append(data[:at] + ip + part)
    return out


def fragmented(size, order=lambda pieces: pieces, around=lambda d: d, inside=lambda d: d):
    """Every packet that is long enough, in fragments; a tunnel numbers its packets, as does who sends none with "don't fragment"."""
    def change(frames):
        out = []
        for number, f in enumerate(frames, 1):
            data = inside(f.data)
            if untagged_ip(data) == (14, 4) and data[18:20] in (b"\0\0", b"\0\x01"):
                data = data[:18] + struct.pack(">H", number + 1) + data[20:]
            out += [f.with_data(around(piece)) for piece in order(fragments_of(data, size, number))]
        return out
    return change


def shuffled(pieces):
    pieces = list(pieces)
    random.Random(len(pieces)).shuffle(pieces)
    return pieces


def other_ttl(data):
    found = untagged_ip(data)
    if not found:
        return data
    at = found[0] + (8 if found[1] == 4 else 7)
    return data[:at] + bytes([data[at] - 1]) + data[at + 1:]


def other_macs(data):
    return bytes.fromhex("02aaaaaaaaaa02bbbbbbbbbb") + data[12:]


def bad_checksums(data):
    """As a sender's kernel hands a packet to its card."""
    seg = pcapfile.tcp_segment(data)
    if not seg:
        return data
    new = bytearray(data)
    new[seg.tcp + 16:seg.tcp + 18] = b"\xde\xad"
    if seg.version == 4:
        new[seg.ip + 10:seg.ip + 12] = b"\0\0"
    return bytes(new)


def padded(data):
    return data + b"\xaa" * 20


def merged(frames):
    """Segments that follow each other in one direction as one packet, as receive offload hands them on; the length field
    of the largest does not hold their length and says 0."""
    out, last, end = [], None, None
    for f in frames:
        seg = segment_of(f)
        if seg and last and end == (f.data[seg.ip + 12:seg.ip + 20], struct.unpack_from(">I", f.data, seg.tcp + 4)[0]) and \
                seg.end > seg.payload and seg.version == 4 and f.data[seg.tcp + 13] & ~pcapfile.PSH == pcapfile.ACK and \
                f.data[seg.tcp + 8:seg.tcp + 12] == last.data[seg.tcp + 8:seg.tcp + 12]:
            data = bytearray(last.data + f.data[seg.payload:seg.end])
            struct.pack_into(">H", data, seg.ip + 2, 0)
            data[seg.tcp + 13] |= f.data[seg.tcp + 13]
            last = last.with_data(bytes(data))
            out[-1] = last
            end = (end[0], (end[1] + seg.end - seg.payload) & 0xffffffff)
            continue
        out.append(f)
        mergeable = seg and seg.version == 4 and seg.end > seg.payload and \
            f.data[seg.tcp + 13] & ~pcapfile.PSH == pcapfile.ACK and seg.end == len(f.data)
        last, end = (f, (f.data[seg.ip + 12:seg.ip + 20], (struct.unpack_from(">I", f.data, seg.tcp + 4)[0] + seg.end -
                                                           seg.payload) & 0xffffffff)) if mergeable else (None, None)
    return out


# ---- twice

def in_time(frames):
    return sorted(frames, key=lambda f: f.time_ns)


def twice(delay_ns=0, copy=lambda d: d):
    """Every packet and its copy."""
    return lambda frames: in_time([g for f in frames for g in (f, f.with_data(copy(f.data)).later(delay_ns))])


def chain(*changes):
    """One change after the other."""
    def change(frames):
        for one in changes:
            frames = one(frames)
        return frames
    return change


def reordered(distance):
    """Neighbours change places now and then, and their time stamps with them. Not around a reset: what comes behind it is
    late."""
    def moves(frame):
        seg = segment_of(frame)
        return seg and not frame.data[seg.tcp + 13] & pcapfile.RST

    def change(frames):
        rng, out = random.Random(distance), list(frames)
        for i in range(0, len(out) - distance, distance + 1):
            if rng.random() < 0.5 and all(map(moves, out[i:i + distance + 1])):
                a, b = out[i], out[i + distance]
                out[i] = dataclasses.replace(b, time_ns=a.time_ns)
                out[i + distance] = dataclasses.replace(a, time_ns=b.time_ns)
        return out
    return change


# ---- less

def servers_port(frames):
    """Whose port is the server's: that of the first SYN, else the lower one."""
    for f in frames:
        seg = segment_of(f)
        if seg and f.data[seg.tcp + 13] & (pcapfile.SYN | pcapfile.ACK) == pcapfile.SYN:
            return struct.unpack_from(">H", f.data, seg.tcp + 2)[0]
    return None


def only(side):
    def change(frames):
        port = servers_port(frames)
        offset = 2 if side == "client" else 0
        return [f for f in frames if (seg := segment_of(f)) is None or
                struct.unpack_from(">H", f.data, seg.tcp + offset)[0] == port]
    return change


def without(drop):
    """Without the packets whose place in the capture drop(i) chooses."""
    return lambda frames: [f for i, f in enumerate(frames) if not drop(i)]


def without_payload(drop):
    """Without those packets with payload that drop(i) chooses; the others are what a lossy link has most of."""
    def change(frames):
        out, i = [], 0
        for f in frames:
            seg = segment_of(f)
            if seg and seg.end > seg.payload:
                i += 1
                if drop(i - 1):
                    continue
            out.append(f)
        return out
    return change


def snapped(length):
    return lambda frames: [Frame(f.time_ns, f.data[:length], f.wire) for f in frames]
