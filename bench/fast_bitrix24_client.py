"""fast_bitrix24, used as its README shows, steered by the bench: one order a line on stdin, one answer a line on stdout.

Must stay true: nothing is tuned but the portal's own limits, which the constructor takes.
"""

import asyncio
import json
import sys

from fast_bitrix24 import BitrixAsync


async def create(bitrix, rows):
    companies = [{"fields": {"TITLE": f"Company {n}"}} for n in range(rows // 2)]
    ids = await bitrix.call("crm.company.add", companies)
    contacts = [
        {"fields": {"NAME": "Name", "LAST_NAME": f"Contact {n}", "COMPANY_ID": id}}
        for n, id in enumerate(ids)
    ]
    await bitrix.call("crm.contact.add", contacts)


async def clear(bitrix):
    for entity in ("contact", "company"):
        found = await bitrix.get_all(f"crm.{entity}.list", {"select": ["ID"]})
        await bitrix.call(f"crm.{entity}.delete", [{"id": record["ID"]} for record in found])


async def main():
    bitrix = None
    # Nothing else waits in this loop while a line is awaited.
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        try:
            if order["do"] == "open":
                bitrix = BitrixAsync(
                    order["webhook"],
                    verbose=False,
                    request_pool_size=order["burst"],
                    requests_per_second=float(order["rate"]),
                )
            elif order["do"] == "create":
                await create(bitrix, order["rows"])
            else:
                await clear(bitrix)
            answer = {}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
