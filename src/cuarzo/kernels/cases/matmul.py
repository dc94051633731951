"""Cases of the matrix product: sizes around the vector width (16 float32 in AVX-512) and around the register tiles."""

from typing import NamedTuple

from .family import Arguments, Draw


class Product(NamedTuple):
    M: int
    K: int
    N: int
    ta: bool = False
    tb: bool = False
    same: bool = False  # both sides are one array
    wild: bool = False  # elements of very different size: the bound holds for each by itself

    def make(self, kernel: str, draw: Draw) -> Arguments:
        a = draw(self.K, self.M) if self.ta else draw(self.M, self.K)
        b = a if self.same else draw(self.N, self.K) if self.tb else draw(self.K, self.N)
        return {"a": a, "b": b, "transpose_a": self.ta, "transpose_b": self.tb, "c": (self.M, self.N)}

    def terms(self, kernel: str) -> int:
        return self.K

    def flops(self, kernel: str) -> int:
        return 2 * self.M * self.K * self.N


_PRODUCTS = [
    Product(M, K, N, ta, tb)
    for M, K, N in [(1, 1, 1), (7, 15, 17), (8, 16, 48), (9, 33, 49), (19, 3, 97), (3, 700, 35), (13, 385, 16)]
    for ta in (False, True)
    for tb in (False, True)
] + [
    Product(0, 3, 4),
    Product(3, 0, 4),
    Product(3, 4, 0),
    Product(1, 64, 10, tb=True),
    Product(9, 1930, 65),  # more blocks of the sum than are under way at once
    Product(24, 400, 32),  # few panels: the tiles read the matrices where they stand
    Product(50, 7, 1),
    Product(5, 9, 15),
    Product(5, 9, 31, ta=True),
    Product(7, 16, 16, tb=True),
    Product(12, 12, 12, same=True),
    Product(12, 12, 12, ta=True, tb=True, same=True),
    Product(12, 12, 12, tb=True, same=True),
    Product(18, 20, 34, wild=True),
    Product(18, 20, 34, True, True, wild=True),
]

SMALL = {"matmul": _PRODUCTS}
COURSE = {"matmul": [Product(16, 64, 32), Product(128, 784, 512), Product(1024, 1024, 1024)]}
