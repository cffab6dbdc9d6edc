"""FastAPI dependencies for the batches, and for what a caller says about an upload."""

from typing import Annotated

from fastapi import Depends, Query, Request

from api.batches.batches import Batches
from shared.request.fields import NamedProductIfAny
from shared.request.options import LONGEST_SITE_NAME
from shared.uploads import Wishes

LONGEST_SHEET_NAME = 200


async def _batches(request: Request) -> Batches:
    batches: Batches = request.app.state.batches
    return batches


async def _wishes(
    product_type: Annotated[
        NamedProductIfAny,
        Query(
            alias="productType",
            description="Product type of the rows that give none.",
            examples=["zstack"],
        ),
    ] = "",
    sheet: Annotated[
        str,
        Query(
            max_length=LONGEST_SHEET_NAME,
            description="Sheet of the workbook to read; by default the first one.",
        ),
    ] = "",
    site: Annotated[
        str,
        Query(
            max_length=LONGEST_SITE_NAME,
            description="Site of the rows that give none.",
            examples=["fra1"],
        ),
    ] = "",
) -> Wishes:
    return Wishes(product_type=product_type, sheet=sheet, site=site)


BatchesDep = Annotated[Batches, Depends(_batches)]
WishesDep = Annotated[Wishes, Depends(_wishes)]
DryRunQuery = Annotated[
    bool, Query(alias="dryRun", description="Say what would be tested; store and test nothing.")
]
