"""The table of scenarios: one Scenario each, from the modules of rows.

A scenario's place in the table is its number, and its number is its client address.
"""
import dataclasses

import expect
import net
import rogue
import rows_access
import rows_alert
import rows_certificate
import rows_memory
import rows_smtp
import rows_tls
import servers


@dataclasses.dataclass(frozen=True)
class Scenario:
    number: int
    name: str        # unique, and the name of its capture
    host: str        # a key of servers.HOSTS or rogue.HOSTS
    port: int
    client: object   # an action of clients.py
    sessions: tuple  # an expect.Expected for each connection, in order
    box: object      # a middlebox in the way, or None
    v6: bool

    @property
    def client_ip(self):
        return net.client_address(self.number, self.v6)

    @property
    def server_ip(self):
        return address(self.host, self.v6)

    @property
    def neighbour_ip(self):
        return net.neighbour_address(self.number)

    def ends(self, session):
        """The client's and the server's address of one of its sessions."""
        return (self.neighbour_ip if session.from_neighbour else self.client_ip,
                address(session.host, self.v6) if session.host else self.server_ip)

    def facts(self, index):
        protocol, role = expect.PORTS[self.port]
        return {"protocol": protocol, "role": role, **self.sessions[index].facts}


def address(host, v6=False):
    table = servers.HOSTS if host in servers.HOSTS else rogue.HOSTS
    return net.server_address(table[host], v6)


def all_scenarios():
    rows = [*rows_smtp.ROWS, *rows_access.ROWS, *rows_tls.ROWS, *rows_alert.ROWS,
            *rows_certificate.ROWS, *rows_memory.ROWS]
    table = []
    for number, (name, host, port, client, *rest) in enumerate(rows, start=1):
        options = rest.pop() if isinstance(rest[-1], dict) else {}
        protocol = expect.PORTS[port][0]
        table.append(Scenario(number, f"{protocol}-{name}", host, port, client, tuple(rest),
                              options.get("box"), options.get("v6", False)))
    names = [scenario.name for scenario in table]
    assert len(set(names)) == len(names), "scenario names must be unique"
    return table


def routes():
    """The sending Postfix's way to each domain that rows_smtp sends to."""
    table = {}
    for domain, (transport, host, port) in rows_smtp.ROUTES.items():
        table[domain] = f"{transport}:[{address(host)}]:{port}"
    for domain, (host, port) in rows_smtp.LMTP_ROUTES.items():
        table[domain] = f"lmtp:inet:[{address(host)}]:{port}"
    return table
