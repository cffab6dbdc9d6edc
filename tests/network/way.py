"""One direction of a path, on which pieces are under way for a while."""

import asyncio

MOST_UNDER_WAY = 1000  # pieces; a sender that is faster waits


class Way:
    """What is on its way in one direction."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._under_way: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue(MOST_UNDER_WAY)

    async def send(self, piece: bytes, arrives_at_s: float) -> None:
        """Have a piece arrive at that time of the loop; an empty one is the end."""
        await self._under_way.put((piece, arrives_at_s))

    async def deliver(self, flows: asyncio.Event) -> None:
        """Deliver each piece in its time, if the path lets it through.

        Raises:
            ConnectionAbortedError: it was the end.
        """
        now_s = asyncio.get_running_loop().time
        while True:
            piece, arrives_at_s = await self._under_way.get()
            await asyncio.sleep(arrives_at_s - now_s())
            await flows.wait()
            if not piece:
                raise ConnectionAbortedError
            self._writer.write(piece)
            await self._writer.drain()
