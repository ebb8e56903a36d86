"""Who has a seat and who waits: an order of people, of whom so many sit as there are seats. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

SEATED, WAITING = "seated", "waiting"
"""What `Seat.state` can be."""


@dataclass(frozen=True)
class Seating:
    """Ids of people: those who have a seat, and those who wait, both in the order in which they signed up."""

    seats: int
    seated: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        return max(0, self.seats - len(self.seated))

    def state_of(self, person: str) -> str | None:
        if person in self.seated:
            return SEATED
        return WAITING if person in self.waiting else None

    def joined(self, person: str) -> Seating:
        """Whoever has signed up stays where they are. While somebody waits, nobody goes before them."""
        if self.state_of(person) is not None:
            return self
        if self.left and not self.waiting:
            return replace(self, seated=(*self.seated, person))
        return replace(self, waiting=(*self.waiting, person))

    def without(self, person: str) -> Seating:
        """A seat that comes free goes to whoever has waited longest."""
        gone = replace(
            self,
            seated=tuple(one for one in self.seated if one != person),
            waiting=tuple(one for one in self.waiting if one != person),
        )
        return _moved_up(gone)

    def with_seats(self, seats: int) -> Seating:
        """Nobody loses a seat: fewer seats than are taken cannot be asked for. Raises ValueError."""
        if seats < len(self.seated):
            raise ValueError("seats that are taken cannot be removed")
        return _moved_up(replace(self, seats=seats))


def _moved_up(seating: Seating) -> Seating:
    free = seating.left
    return replace(seating, seated=(*seating.seated, *seating.waiting[:free]), waiting=seating.waiting[free:])
