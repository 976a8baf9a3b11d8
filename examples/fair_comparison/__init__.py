"""Three rules, three parameters each, tuned alike and compared on ten seeds; see README.md in this folder."""
