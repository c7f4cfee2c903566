"""Work of a stream, beside the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Thread:
    """A thread of a stream's own, so that its work is done in turn and delays nobody else's."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="track")

    async def do(self, work: Any, *arguments: Any) -> Any:
        """Do something there."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def end(self) -> None:
        """End it after what it is doing."""
        self._pool.shutdown(wait=False)
