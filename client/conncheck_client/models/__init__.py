"""The models of requests and answers; `conncheck_client` exports them."""
