"""Whether the machine was quiet enough for the figures to tell anything."""

import os
import resource
import statistics
from pathlib import Path

# The most by which a yardstick may vary within a run: the distance of the highest from the lowest, in parts of the median.
MOST_SPREAD = 0.10
# The most that others, or the machine below this one, may take of all processors' time.
MOST_FOREIGN = 0.05
TICK = os.sysconf("SC_CLK_TCK")


def spread(figures):
    """How far apart they are, in parts of the median; None of fewer than two."""
    return (max(figures) - min(figures)) / statistics.median(figures) if len(figures) > 1 else None


def databases():
    """The processor time of all PostgreSQL servers of this machine: what the bench asks of one is its own."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text.rsplit(")", 1)[1].split()
        if name == "postgres":
            # A server's own figures hold those of its processes that have ended.
            total += sum(map(int, fields[11:15])) / TICK
    return total


def own():
    """The processor time of this process, and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def processors():
    """The time of all processors: busy, stolen by the machine below, all of it."""
    user, nice, system, idle, wait, irq, soft, steal = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    busy = user + nice + system + irq + soft
    return busy / TICK, steal / TICK, (busy + steal + idle + wait) / TICK


class Watch:
    """Made at the beginning of a run, asked when everything that it started has ended."""

    def __init__(self):
        self.begun = (*processors(), own(), databases())
        self.yardsticks = {}

    def note(self, name, figure):
        """A yardstick was measured: of the same name, all should be the same."""
        self.yardsticks.setdefault(name, []).append(figure)
        return figure

    def verdict(self, with_database):
        """The row for machines; its `too_noisy` is whether the figures tell nothing, `because` says why."""
        now = (*processors(), own(), databases())
        busy, stolen, whole, mine, stored = (after - before for after, before in zip(now, self.begun, strict=True))
        foreign = max(0.0, busy - mine - (stored if with_database else 0)) / whole
        spreads = {name: spread(figures) for name, figures in self.yardsticks.items() if len(figures) > 1}
        because = [f"{name} varied by {value:.0%}" for name, value in spreads.items() if value > MOST_SPREAD]
        because += [f"others used {foreign:.0%} of the processors"] if foreign > MOST_FOREIGN else []
        because += [f"{stolen / whole:.0%} of the processors were stolen"] if stolen / whole > MOST_FOREIGN else []
        return {
            "name": "noise",
            "too_noisy": bool(because),
            "because": because,
            "others": round(foreign, 4),
            "stolen": round(stolen / whole, 4),
            "spreads": {name: round(value, 4) for name, value in spreads.items()},
        }
