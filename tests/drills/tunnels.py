"""A proxy that makes tunnels by CONNECT, and restarts."""

import asyncio
import contextlib
import socket
import struct
import threading
import time


class TunnelProxy:
    """Tunnels to wherever it is asked to, as long as it runs."""

    def __init__(self, address):
        self.address, self.port, self.open, self.made, self.broken = address, 0, set(), 0, 0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.call(self.start())

    def restart(self, pause):
        """Resets all connections, and refuses new ones for a while."""
        self.call(self.stop())
        time.sleep(pause)
        self.call(self.start())

    def call(self, step):
        asyncio.run_coroutine_threadsafe(step, self.loop).result()

    async def start(self):
        self.server = await asyncio.start_server(self.tunnel, self.address, self.port, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        self.broken += len(self.open) // 2
        for writer in self.open:
            # A linger time of 0 makes closing a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def tunnel(self, reader, writer):
        with contextlib.suppress(OSError, EOFError), contextlib.ExitStack() as stack:
            self.keep(stack, writer)
            head = await reader.readuntil(b"\r\n\r\n")
            host, port = head.split()[1].decode().rsplit(":", 1)
            from_server, to_server = await asyncio.open_connection(host, int(port))
            self.keep(stack, to_server)
            self.made += 1
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ways = [asyncio.ensure_future(copy(*way)) for way in ((reader, to_server), (from_server, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)

    def keep(self, stack, writer):
        self.open.add(writer)
        stack.callback(writer.close)
        stack.callback(self.open.discard, writer)


async def copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
