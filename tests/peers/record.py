"""What the comparisons leave behind for the end of the session; needs no PyTorch."""

from typing import NamedTuple

PROPERTY = "peers"  # of a test's report: travels from xdist's workers to the one that prints


class Largest(NamedTuple):
    """The comparison that came closest to its tolerance, or went beyond it."""

    error: float = 0.0  # in units of the tolerance
    where: str = ""


class Record:
    """One family in one test: how many configurations, and the largest error for each dtype."""

    def __init__(self, family: str):
        self.family, self.count = family, 0
        self.largest = {"float64": Largest(), "float32": Largest()}

    def keep(self, dtype: str, error: float, where: str) -> None:
        if not error <= self.largest[dtype].error:
            self.largest[dtype] = Largest(error, where)

    def as_property(self) -> dict:
        return {"family": self.family, "count": self.count, "largest": {k: list(v) for k, v in self.largest.items()}}


def table(properties: list[dict]) -> list[str]:
    """The lines that sum up all tests, family by family."""
    families: dict[str, Record] = {}
    for entry in properties:
        record = families.setdefault(entry["family"], Record(entry["family"]))
        record.count += entry["count"]
        for dtype, (error, where) in entry["largest"].items():
            record.keep(dtype, error, where)
    if not families:
        return []
    width = max(map(len, families))
    lines = [f"{'family':<{width}}  configurations   float64   float32   where float32 came closest"]
    for name in sorted(families):
        largest = families[name].largest
        errors = "".join(f"  {largest[dtype].error:8.2g}" for dtype in ("float64", "float32"))
        lines.append(f"{name:<{width}}  {families[name].count:>14}{errors}   {largest['float32'].where}")
    total = sum(record.count for record in families.values())
    return [*lines, f"{'in all':<{width}}  {total:>14}  largest errors in units of the tolerance"]
