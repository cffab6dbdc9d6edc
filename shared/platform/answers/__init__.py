"""What an answer proves: its words, who has sent it, and why it is not the product's."""
