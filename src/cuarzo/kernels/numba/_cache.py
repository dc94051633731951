"""The files in which Numba keeps compiled code, made safe for several processes that compile at once.

Numba numbers the data files of a function's signatures: two processes that compile it for two dtypes at the same time
both take the next number, and one's types may lead to the other's code for good ("can't unbox array from PyObject").
Tests on two workers met it. Here a file is named after what is in it, and written before the index that names it. An
index entry that a process loses to another is compiled once more, no worse.
"""

import hashlib
from typing import Any

from numba.core.caching import IndexDataCacheFile


class CacheFile(IndexDataCacheFile):
    def save(self, key: Any, data: Any) -> None:
        name = hashlib.sha256(repr((key, self._source_stamp)).encode()).hexdigest()[:16]
        data_name = self._data_name_pattern.replace("{number:d}", name)
        self._save_data(data_name, data)
        self._save_index({**self._load_index(), key: data_name})


def make_safe(compiled: Any) -> None:
    """Let a function compiled by numba.njit(cache=True) keep its code in a CacheFile. Numba has no option for it."""
    cache = compiled._cache
    stamp = cache._impl.locator.get_source_stamp()
    cache._cache_file = CacheFile(cache.cache_path, cache._impl.filename_base, stamp)
