import pytest

from conncheck_client.upload_calls import Upload, dry_run, upload

FILE = b"Host;Password\nh;hunter2\n"


def test_a_mapping_goes_before_the_file_in_a_form() -> None:
    """The service reads the file as it arrives, with the encoding that was said."""
    file = Upload(FILE, "text/csv; charset=gb18030", {"Host": "endpoint"}, "A", "zstack")

    call = upload(file)

    content = call.content or b""
    assert call.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert content.index(b'{"Host": "endpoint"}') < content.index(FILE)
    assert b"Content-Type: text/csv; charset=gb18030\r\n" in content
    assert call.params == {"sheet": "A", "productType": "zstack"}


def test_without_a_mapping_a_file_is_sent_as_it_is() -> None:
    """Its own media type says the most."""
    call = upload(Upload(FILE, "text/csv"), strict=True)

    assert (call.content, call.headers["Content-Type"]) == (FILE, "text/csv")
    assert call.params == {"strict": "true"}


def test_a_form_has_its_own_mapping() -> None:
    """A form within a form is none."""
    with pytest.raises(ValueError, match="mapping"):
        upload(Upload(FILE, "Multipart/form-data; boundary=x", {"Host": "endpoint"}))


def test_a_look_may_be_repeated_without_a_key() -> None:
    """It changes nothing, so a lost answer is asked for again."""
    call = dry_run(Upload(FILE, "text/csv"))

    assert call.is_repeatable
    assert "Idempotency-Key" not in call.headers


def test_what_is_sent_is_not_shown() -> None:
    """A file has key pairs, and the header of a table without one may be some."""
    file = Upload(FILE, "text/csv", {"hunter2": "endpoint"})

    assert "hunter2" not in repr(file) + repr(upload(file))
