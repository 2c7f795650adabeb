"""All tours, each with the world that it is written for."""

from collections.abc import Callable, Iterator

from tests.property.late import LATE_WORLD, late
from tests.property.scene import Item, Scene
from tests.property.tour import TOUR_WORLD, tour
from tests.property.vault import VAULT_WORLD, vault
from tests.property.world import World

Tour = Callable[[Scene], Iterator[Item]]
TOURS: tuple[tuple[World, Tour], ...] = (
    (TOUR_WORLD, tour),
    (LATE_WORLD, late),
    (VAULT_WORLD, vault),
)
