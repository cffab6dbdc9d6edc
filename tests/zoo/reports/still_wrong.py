"""The situations that are not judged rightly yet, by name, with what is said of them instead."""

STILL_WRONG: dict[str, str] = {
    "the_serial_number_is_negative": "open: passes, and the library warns on stderr",
}
