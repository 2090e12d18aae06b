"""What the sensor at hand can judge: the table also holds rules and facts of versions to come.

What is left out is said in the report, so that a shorter list of rules cannot pass for agreement.
"""
import json
import subprocess


class Ability:
    """Asked of the program itself: its rules, and whether it takes a trust anchor."""

    def __init__(self, waxseal):
        self.rules = {row["id"] for row in json.loads(_output(waxseal, "rules", "--json"))}
        self.trust = b"--trust" in _output(waxseal, "read", "--help")

    def trust_options(self, anchor):
        return ["--trust", anchor] if self.trust else []

    def judges_field(self, field):
        # All facts of a certificate need it read; its visibility (cert_state) does not.
        return self.trust or field == "cert_state" or "cert_" not in field

    def left_out(self, rows):
        """The required rules that this sensor does not have, for the report."""
        wanted = {rule for row in rows for rule in row["must"].split(",") if rule}
        return sorted(wanted - self.rules)


def _output(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise SystemExit(f"lab: {' '.join(words)} ended with {done.returncode}: "
                         f"{done.stdout[-500:].decode(errors='replace').strip()}")
    return done.stdout
