"""What was read and may be asked for again, as much of it as a bound on its size allows."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Kept(Generic[_Value]):
    """The values used last. `weigh` says how much each takes, in the unit of `most`; the newest is always kept."""

    def __init__(self, most: int, weigh: Callable[[_Value], int]) -> None:
        self._most, self._weigh = most, weigh
        self._values: OrderedDict[Hashable, tuple[_Value, int]] = OrderedDict()
        self._weight = 0
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Threads that want the same at the same time may each make it; none waits for another's network."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = make()
        with self._lock:
            self._drop(key)
            self._values[key] = value, self._weigh(value)
            self._weight += self._values[key][1]
            while self._weight > self._most and len(self._values) > 1:
                self._drop(next(iter(self._values)))
        return value

    def _drop(self, key: Hashable) -> None:
        self._weight -= self._values.pop(key, (None, 0))[1]
