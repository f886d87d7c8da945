/*
 * outcome.c
 *	  What became of one request: the library's result code and what the callbacks noted, as a
 *	  verdict with a problem in words.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include "net/exchange.h"

/* "connecting" includes the TLS handshake: the library's words tell them apart. */
static const char *
phase_of(HttpTransfer *transfer)
{
	curl_off_t	resolved = 0;

	curl_easy_getinfo(transfer->handle, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	if (transfer->head_complete)
		return "receiving the body";
	if (transfer->head_bytes > 0)
		return "receiving the headers";
	if (transfer->attempts > 0)
		return "waiting for the answer";
	return resolved > 0 ? "connecting" : "resolving the host name";
}

void
outcome_collect(HttpTransfer *transfer, CURLcode code)
{
	HttpResponse *response = transfer->response;
	curl_off_t	took_us = 0;
	long		status = 0;
	long		connects = 0;

	curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->handle, CURLINFO_TOTAL_TIME_T, &took_us);
	curl_easy_getinfo(transfer->handle, CURLINFO_NUM_CONNECTS, &connects);
	response->status = status;
	response->took_ms = took_us / 1000;
	response->connection_reused = transfer->attempts > 0 && connects == 0;
	transfer->code = code;
	transfer->phase = phase_of(transfer);
}

static HttpVerdict
verdict_of(CURLcode code)
{
	switch (code)
	{
		case CURLE_OK:
			return HTTP_COMPLETE;
		case CURLE_COULDNT_RESOLVE_HOST:
			return HTTP_DNS_FAILED;
		case CURLE_COULDNT_CONNECT:
			return HTTP_CONNECT_FAILED;
		case CURLE_OPERATION_TIMEDOUT:
			return HTTP_TIMEOUT;
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
			return HTTP_RESET;
		case CURLE_PARTIAL_FILE:
			return HTTP_TRUNCATED;
		case CURLE_FILESIZE_EXCEEDED:
			return HTTP_TOO_LARGE;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			return HTTP_TLS_FAILED;
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_UNSUPPORTED_PROTOCOL:	/* HTTP/0.9, or a version that is none */
		case CURLE_BAD_CONTENT_ENCODING:
			return HTTP_MALFORMED;
		default:
			return HTTP_FAILED;
	}
}

/*
 * The library says "out of memory" (later versions: "too large") when a header line is too long.
 */
static bool
is_header_overflow(const HttpTransfer *transfer)
{
	bool		overflow = transfer->code == CURLE_OUT_OF_MEMORY;

#if LIBCURL_VERSION_NUM >= 0x080600
	overflow |= transfer->code == CURLE_TOO_LARGE;
#endif
	return overflow && transfer->head_bytes > 0 && !transfer->head_complete;
}

void
outcome_judge(HttpTransfer *transfer)
{
	HttpResponse *response = transfer->response;
	const char *words = transfer->error[0] != '\0' ? transfer->error :
		curl_easy_strerror(transfer->code);

	response->verdict = verdict_of(transfer->code);
	if (response->verdict != HTTP_COMPLETE)
	{
		if (is_header_overflow(transfer))
			http_response_fail(response, HTTP_TOO_LARGE, HEAD_TOO_LARGE);
		else if (transfer->noted != HTTP_COMPLETE)
			http_response_fail(response, transfer->noted, transfer->noted_problem);
		else
			http_response_fail(response, response->verdict,
							   response->verdict == HTTP_TIMEOUT ?
							   psprintf("timed out %s (%s)", transfer->phase, words) : words);
	}
	http_response_judge(response, transfer->head.data, transfer->head.used,
						strcmp(transfer->method, "HEAD") == 0);
}
