"""Logs in with asyncpg: a line of tab-separated values for each login on stdin, a line for each on stdout, which is "in" or
why not. host, port, user, password, sslmode, channel_binding, root certificate; what is empty is the driver's default."""

import asyncio
import sys

import asyncpg


async def log_in(host, port, user, password, sslmode, channel_binding, root):
    if channel_binding:
        return "asyncpg has no channel binding"
    settings = f"postgresql://{user}:{password}@{host}:{port}/postgres?"
    if sslmode:
        settings += f"sslmode={sslmode}&"
    if root:
        settings += f"sslrootcert={root}"
    try:
        connection = await asyncpg.connect(settings, timeout=20)
    except Exception as error:  # whatever it is: it is shown
        return f"{type(error).__name__}: {error}".replace("\n", " ")
    seen = await connection.fetchval("SELECT current_user")
    await connection.close()
    return "in" if seen == user else f"in as {seen}"


async def main():
    for line in sys.stdin:
        print(await log_in(*line.rstrip("\n").split("\t")), flush=True)


asyncio.run(main())
