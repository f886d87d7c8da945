/*
 * seed.c
 *	  Writes the inputs that the fuzzers begin with:
 *	    seed DIR COUNT       into DIR/jsonb, DIR/cutter and so on
 *
 * Most are documents of the generated corpus, whole or within what the fuzzer expects around them.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "harness.h"

#include <sys/stat.h>

#include "core/gzip.h"
#include "test/json_corpus.h"
#include "utils/memutils.h"

int			LLVMFuzzerInitialize(int *argc, char ***argv);

const size_t fuzz_prefix = 0;

static const char *folder;

static void
write_input(const char *fuzzer, int number, const char *bytes, size_t length)
{
	char		path[MAXPGPATH];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", folder, fuzzer);
	(void) mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/seed-%d", folder, fuzzer, number);
	file = fopen(path, "w");
	if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
		fuzz_fail("could not write %s", path);
}

static void
write_text(const char *fuzzer, int number, StringInfo text)
{
	write_input(fuzzer, number, text->data, text->len);
}

/* What a body can look like: the document, a list of it, or the list as a member. */
static void
append_body(StringInfo target, int how, StringInfo document)
{
	static const char *const frames[][2] = {
		{"", ""}, {"[", "]"}, {"{\"next\":\"/p?a=1\",\"data\":[", ",2]}"}, {"{\"a\":{\"b\":[", "]}}"}
	};

	appendStringInfoString(target, frames[how % lengthof(frames)][0]);
	appendBinaryStringInfo(target, document->data, document->len);
	appendStringInfoString(target, frames[how % lengthof(frames)][1]);
}

static void
write_cutter(int number, StringInfo document)
{
	StringInfoData input;

	initStringInfo(&input);
	appendStringInfoChar(&input, number % 6);
	appendStringInfoChar(&input, number % 256);
	append_body(&input, number / 6, document);
	write_text("cutter", number, &input);
}

static void
write_gzip(int number, StringInfo document)
{
	StringInfoData input;

	initStringInfo(&input);
	appendStringInfoChar(&input, (number * 2 + 1) % 256);
	appendStringInfoChar(&input, number % 256);
	appendBinaryStringInfo(&input, document->data, Min(document->len, 4096));
	write_text("gzip", number, &input);
}

static void
write_answer(int number, StringInfo document)
{
	static const char *const types[] = {
		"application/json", "application/json; charset=\"utf-8\"", "application/x-ndjson",
		"text/html", "application/json;charset=latin1"
	};
	StringInfoData input;
	StringInfoData body;
	char	   *member;
	size_t		room;
	size_t		size;

	initStringInfo(&input);
	initStringInfo(&body);
	append_body(&body, number, document);
	appendStringInfoChar(&input, number * 4 % 256);
	appendStringInfo(&input, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nX-Quota: 12\r\n"
					 "Link: <https://a.example/?page=2>; rel=\"next\", </1>; rel=first\r\n",
					 types[number % lengthof(types)]);
	if (number % 2 == 0)
		appendStringInfo(&input, "Content-Length: %d\r\n\r\n%s", body.len, body.data);
	else
	{
		room = gzip_member_bound(body.len);
		member = palloc(room);
		size = gzip_member(gzip_writer_create(CurrentMemoryContext, 6), body.data, body.len, member,
						   room);
		appendStringInfo(&input, "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", size);
		appendBinaryStringInfo(&input, member, size);
	}
	write_text("answer", number, &input);
}

static void
write_bigquery(int number)
{
	static const char *const types[] = {
		"STRING", "INTEGER", "FLOAT", "NUMERIC", "BOOLEAN", "TIMESTAMP", "JSON", "BYTES"
	};
	static const char *const values[] = {
		"\"12\"", "\"-1.5e3\"", "\"1764374400000000\"", "\"true\"", "\"{}\"", "null", "\"NaN\"", "\"\""
	};
	StringInfoData input;

	initStringInfo(&input);
	appendStringInfo(&input,
					 "{\"schema\":{\"fields\":[{\"name\":\"a\",\"type\":\"%s\"},"
					 "{\"name\":\"b\",\"type\":\"%s\",\"mode\":\"REPEATED\"},"
					 "{\"name\":\"c\",\"type\":\"RECORD\",\"fields\":[{\"name\":\"d\"}]}]},"
					 "\"row\":{\"f\":[{\"v\":%s},{\"v\":[{\"v\":%s},{\"v\":null}]},"
					 "{\"v\":{\"f\":[{\"v\":\"x\"}]}}]},\"totalRows\":\"1\"}",
					 types[number % lengthof(types)], types[number / 8 % lengthof(types)],
					 values[number / 3 % lengthof(values)], values[number / 5 % lengthof(values)]);
	write_text("bigquery", number, &input);
}

/* One of each kind of short text, with the byte that chooses its reader. */
static void
write_texts(void)
{
	static const char *const texts[] = {
		"\000<https://a.example/?page=2>; rel=\"next prev\", </1>; rel=first",
		"\001Sun, 30 Nov 2025 08:49:37 GMT", "\001Sunday, 30-Nov-25 08:49:37 GMT",
		"\001Sun Nov 30 08:49:37 2025", "\001120",
		"\002*/15 2 1-7,31 JAN-DEC/2 mon-FRI", "\002@weekly", "\00230 2 * * 7",
		"\003$.data.items[*]", "\003$.\"a \\u0041\".b[2].c",
		"\004/v1/{name}/{start:YYYY/MM/DDTHH24:MI:SS.MSZ}?day={day:iso}&n={number}{{}}",
		"\004{start:ms}{start:us}{start:s}{day:date}..",
		"\005https://a.example:8080/b/../c?d=e&a=1#f\n../g/./h?i=j", "\005http://[::1]/\n//b.example/",
		"\006aGVsbG8-d29y_bGQ=", "\006 aGVs bG8=",
		"\007{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":\"b\","
		"\"refresh_token\":\"c\"}",
		"\007{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"b\","
		"\"credential_source\":{\"url\":\"https://a.example/\",\"headers\":{\"h\":\"v\"},"
		"\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"t\"}},"
		"\"service_account_impersonation_url\":\"/serviceAccounts/a@b:generateAccessToken\","
		"\"service_account_impersonation\":{\"token_lifetime_seconds\":700}}",
		"\007{\"type\":\"service_account\",\"client_email\":\"a\",\"private_key\":"
		"\"-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END PRIVATE KEY-----\\n\"}",
		"\0102025-11-28T12:00:00.123456Z\n\"2025-11-28 12:00:00,5+05:30\"", "\010-0012\n17.5e3",
		"\010999999999999999999\n\"2025-11-28\"",
		"\011{\"error\":{\"message\":\"m\",\"details\":[{\"reason\":\"r\"}]},\"id\":\"-12\"}",
		"\012\xc3\xa9\xff\x01 text"
	};

	for (int i = 0; i < lengthof(texts); i++)
		write_input("text", i, texts[i], strlen(texts[i] + 1) + 1);
}

/* fuzzers end in this; here nothing is fuzzed */
void
fuzz_one(const char *bytes, size_t length)
{
}

int
main(int argc, char **argv)
{
	pg_prng_state random;
	StringInfoData document;

	if (argc != 3)
		fuzz_fail("usage: seed DIR COUNT");
	folder = argv[1];
	LLVMFuzzerInitialize(&argc, &argv);
	MemoryContextSwitchTo(TopMemoryContext);
	initStringInfo(&document);
	pg_prng_seed(&random, 20251128);
	for (int i = 0; i < atoi(argv[2]); i++)
	{
		corpus_document(&random, i % CORPUS_KINDS, &document);
		write_text("jsonb", i, &document);
		write_cutter(i, &document);
		write_gzip(i, &document);
		write_answer(i, &document);
		write_bigquery(i);
	}
	write_texts();
	return 0;
}
