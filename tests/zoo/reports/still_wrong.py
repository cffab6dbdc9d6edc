"""The situations that are not judged rightly yet, by name, with what is said of them instead."""

STILL_WRONG: dict[str, str] = {
    "a_key_for_one_bucket_lists_all": "wrong: product_identify http.403_forbidden",
    "a_key_for_one_bucket_reads_it": "wrong: product_identify http.403_forbidden",
    "a_key_of_alibaba_at_huawei": "open: authenticate auth.sign_in_refused",
    "a_key_of_another_partition": "open: authenticate auth.unknown_access_key",
    "a_test_server_repeats_what_it_is_asked": "open: product_identify api.wrong_product",
    "backblaze_refuses_its_master_key": "wrong: product_identify http.403_forbidden",
    "minio_is_below_a_path_of_nginx": "wrong: authenticate auth.secret_mismatch",
    "oracle_wants_its_region": "wrong: product_identify http.403_forbidden",
    "oss_wants_the_bucket_in_the_name": "wrong: authorize auth.sign_in_forbidden",
    "the_bucket_is_in_another_zone": "wrong: authorize api.bucket_elsewhere",
    "the_name_server_fails_now_and_then": "open: dns_lookup self.undetermined",
    "the_region_is_not_enabled": "open: authenticate auth.unknown_access_key",
    "the_serial_number_is_negative": "open: passes, and the library warns on stderr",
    "the_token_expired_as_a_parameter": "open: authenticate api.call_rejected",
    "zstack_gets_another_request": "wrong: authenticate auth.secret_mismatch",
}
