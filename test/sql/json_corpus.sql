-- Two hundred thousand generated texts, good and bad: the same bytes or the same refusal as jsonb_in.
SELECT kind, documents_made, accepted > documents_made / 10 AS many_accepted, refused > 0 AS some_refused, differences
FROM dataops._test_jsonb_corpus(20251128, 210000);
