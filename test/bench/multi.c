/*
 * multi.c
 *	  What libcurl alone can do: the yardstick of fetching.
 *
 *		multi URL COUNT CONNECTIONS	asks COUNT times, so many at the same time; prints how many
 *									answers of status 200 came, and their bytes
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static size_t received;

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	(void) bytes;
	(void) arg;
	received += size * count;
	return size * count;
}

static void
start(CURLM *multi, CURL *handle, const char *url)
{
	curl_easy_setopt(handle, CURLOPT_URL, url);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_multi_add_handle(multi, handle);
}

/* The requests that have ended make room for others.  Returns how many answered with 200. */
static int
collect(CURLM *multi, const char *url, int *left)
{
	CURLMsg    *message;
	int			queued;
	int			good = 0;

	while ((message = curl_multi_info_read(multi, &queued)) != NULL)
	{
		CURL	   *handle = message->easy_handle;
		CURLcode	code = message->data.result;
		long		status = 0;

		curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
		good += code == CURLE_OK && status == 200;
		curl_multi_remove_handle(multi, handle);
		if (*left > 0)
		{
			(*left)--;
			start(multi, handle, url);
		}
		else
			curl_easy_cleanup(handle);
	}
	return good;
}

int
main(int argc, char **argv)
{
	int			left = argc == 4 ? atoi(argv[2]) : 0;
	int			connections = argc == 4 ? atoi(argv[3]) : 0;
	int			good = 0;
	int			running = 1;
	CURLM	   *multi;

	if (left < 1 || connections < 1)
	{
		fputs("usage: multi URL COUNT CONNECTIONS\n", stderr);
		return 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) connections);
	for (int i = 0; i < connections && left > 0; i++, left--)
		start(multi, curl_easy_init(), argv[1]);
	while (running > 0 || left > 0)
	{
		curl_multi_perform(multi, &running);
		good += collect(multi, argv[1], &left);
		curl_multi_perform(multi, &running);
		if (running > 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	good += collect(multi, argv[1], &left);
	curl_multi_cleanup(multi);
	printf("%d %zu\n", good, received);
	return 0;
}
