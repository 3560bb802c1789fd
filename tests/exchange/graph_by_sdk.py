"""Run by itself: Microsoft's msgraph-sdk for Python drives the fake of Graph, and prints what it understood as JSON.

Arguments: the fake's address, and of which mailbox. `unknown`: keys in answers that the client's models do not have.
"""

import asyncio
import json
import sys
from typing import Any

from kiota_abstractions.authentication import AuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attachment_item import AttachmentItem
from msgraph.generated.models.attachment_type import AttachmentType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.users.item.mail_folders.item.messages.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.users.item.messages.item.attachments.create_upload_session import (
    create_upload_session_post_request_body as upload,
)
from msgraph.generated.users.item.messages.item.move.move_post_request_body import MovePostRequestBody
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody

SIZE = "singleValueExtendedProperties($filter=id eq 'Integer 0x0E08')"


class Bearer(AuthenticationProvider):  # type: ignore[misc]
    async def authenticate_request(self, request: Any, _more: Any = None) -> None:
        request.headers.add("Authorization", "Bearer token-1")


def unknown(model: Any, path: str = "") -> list[str]:
    """Keys that a model, and what is in it, did not know. Those of OData itself are none of the model's."""
    found: list[str] = []
    if isinstance(model, list):
        for one in model:
            found += unknown(one, path)
    elif hasattr(model, "additional_data"):
        found += [f"{path}/{key}" for key in model.additional_data if not key.startswith("@")]
        for name, value in vars(model).items():
            if name not in ("additional_data", "backing_store"):
                found += unknown(value, f"{path}/{name}")
    return found


async def main(url: str, address: str) -> dict[str, Any]:
    adapter = GraphRequestAdapter(Bearer())
    adapter.base_url = f"{url}v1.0"
    user = GraphServiceClient(request_adapter=adapter).users.by_user_id(address)
    seen: list[str] = []

    def known(model: Any) -> Any:
        seen.extend(unknown(model, type(model).__name__))
        return model

    folders = known(await user.mail_folders.get())
    inbox = known(await user.mail_folders.by_mail_folder_id("inbox").get())
    messages = user.mail_folders.by_mail_folder_id(inbox.id).messages
    told: dict[str, Any] = {"folders": [one.display_name for one in folders.value], "total": inbox.total_item_count}

    listed = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(
        top=2, orderby=["receivedDateTime desc"], select=["subject", "receivedDateTime"], expand=[SIZE], count=True
    )
    page = known(await messages.get(RequestConfiguration(query_parameters=listed)))
    told["count"], mails = page.odata_count, list(page.value)
    while page.odata_next_link:
        page = known(await messages.with_url(page.odata_next_link).get())
        mails += page.value
    told["subjects"] = [one.subject for one in mails]
    told["sizes"] = [one.single_value_extended_properties[0].value for one in mails]

    delta = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(change_type="created", select=["subject"])
    config = RequestConfiguration(query_parameters=delta)
    config.headers.add("Prefer", "odata.maxpagesize=2")
    page = known(await messages.delta.get(config))
    changed = list(page.value)
    told["pages"] = 1
    while page.odata_next_link:
        page = known(await messages.delta.with_url(page.odata_next_link).get())
        changed += page.value
        told["pages"] += 1
    told["changed"] = sorted(one.subject for one in changed)

    newest = mails[0].id
    message = user.messages.by_message_id(newest)
    told["whole"] = known(await message.get()).subject
    told["content"] = (await message.content.get()).decode()
    told["read"] = known(await message.patch(Message(is_read=True))).is_read
    moved = known(await message.move.post(MovePostRequestBody(destination_id="archive")))
    told["moved"] = moved.id != newest
    later = known(await messages.delta.with_url(page.odata_delta_link).get())
    told["later"] = [one.subject for one in later.value]
    try:
        await message.get()
    except ODataError as error:
        known(error.error)
        told["error"] = [error.response_status_code, error.error.code]
    await user.messages.by_message_id(moved.id).delete()

    to = [Recipient(email_address=EmailAddress(address="clara@kunde.example", name="Clara"))]
    body = ItemBody(content_type=BodyType.Text, content="Good day")
    draft = known(await user.messages.post(Message(subject="A draft", body=body, to_recipients=to)))
    told["draft"] = [draft.is_draft, draft.subject, draft.to_recipients[0].email_address.address]
    attachments = user.messages.by_message_id(draft.id).attachments
    wanted = AttachmentItem(attachment_type=AttachmentType.File, name="a.bin", size=5_000_000)
    asked = upload.CreateUploadSessionPostRequestBody(attachment_item=wanted)
    session = known(await attachments.create_upload_session.post(asked))
    told["upload"] = [bool(session.upload_url), session.next_expected_ranges]
    await user.messages.by_message_id(draft.id).send.post()
    await user.send_mail.post(
        SendMailPostRequestBody(
            message=Message(subject="At once", body=body, to_recipients=to), save_to_sent_items=False
        )
    )
    copies = known(await user.mail_folders.by_mail_folder_id("sentitems").messages.get())
    told["copies"] = [one.subject for one in copies.value]
    return told | {"unknown": seen}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(*sys.argv[1:]))))
