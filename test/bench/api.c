/*
 * api.c
 *	  The API that the benchmarks land from, and the same records as files:
 *
 *		api serve COUNT				serves on 127.0.0.1; prints its port, ends with its input
 *		api copy SHAPE COUNT TIME	raw rows of that created_at, for COPY in text format
 *		api pages SHAPE COUNT		whole pages for COPY in text format, one a row
 *
 *	  GET /SHAPE/TOTAL?page=N answers with a page of 1000 records, from 1; behind the last of TOTAL
 *	  records with [].  The first COUNT records of each shape are made at the start, with their
 *	  header fields, and sent from memory; TOTAL beyond COUNT repeats them.
 *	  GET /slow/MS answers after so many milliseconds with one record in 1000 bytes.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "records.h"

#define PAGE_RECORDS	1000
#define BATCH_PAGES		18			/* pages of posts in 8 MB, what one batch holds */
#define HEAD_BYTES		512
#define SLOW_BYTES		1000
#define BACKLOG			1024
#define REQUEST_BYTES	16384

typedef struct Page
{
	char	   *bytes;				/* header fields and body */
	size_t		length;
} Page;

/* The pages of one shape. */
typedef struct Book
{
	const char *shape;
	Page	   *pages;
} Book;

static Book books[] = {{"tweets", NULL}, {"klines", NULL}};
#define NBOOKS (sizeof(books) / sizeof(books[0]))

static uint64_t npages;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void *
allocate(size_t size)
{
	void	   *memory = calloc(1, size);

	if (memory == NULL)
		die("api");
	return memory;
}

/* ---- pages ---- */

static size_t
write_page(const RecordShape *shape, uint64_t page, char *to)
{
	char	   *at = to;

	*at++ = '[';
	for (uint64_t i = 0; i < PAGE_RECORDS; i++)
	{
		if (i > 0)
			*at++ = ',';
		at += shape->write(at, page * PAGE_RECORDS + i);
	}
	*at++ = ']';
	return at - to;
}

static Page
make_page(const RecordShape *shape, uint64_t number, char *body)
{
	size_t		length = write_page(shape, number, body);
	Page		page = {allocate(HEAD_BYTES + length), 0};

	page.length = sprintf(page.bytes, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
						  "Content-Length: %zu\r\n\r\n", length);
	memcpy(page.bytes + page.length, body, length);
	page.length += length;
	return page;
}

static void
make_books(void)
{
	char	   *body = allocate(PAGE_RECORDS * RECORD_BYTES_MAX);

	for (size_t i = 0; i < NBOOKS; i++)
	{
		const RecordShape *shape = record_shape(books[i].shape);

		books[i].pages = allocate(npages * sizeof(Page));
		for (uint64_t page = 0; page < npages; page++)
			books[i].pages[page] = make_page(shape, page, body);
	}
	free(body);
}

/* ---- serving ---- */

static bool
send_all(int socket, const char *bytes, size_t length)
{
	while (length > 0)
	{
		ssize_t		sent = send(socket, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		length -= sent;
	}
	return true;
}

static bool
answer_slowly(int socket, unsigned ms)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Content-Length: 1000\r\n\r\n";
	static const char begin[] = "[{\"id\":1,\"text\":\"";
	static const char end[] = "\"}]";
	char		bytes[sizeof(head) - 1 + SLOW_BYTES];

	usleep(ms * 1000);
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, head, sizeof(head) - 1);
	memcpy(bytes + sizeof(head) - 1, begin, sizeof(begin) - 1);
	memcpy(bytes + sizeof(bytes) - (sizeof(end) - 1), end, sizeof(end) - 1);
	return send_all(socket, bytes, sizeof(bytes));
}

/* Answers one request, whose first line this is. */
static bool
answer(int socket, const char *line)
{
	static const char nothing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	static const char empty[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Content-Length: 2\r\n\r\n[]";
	char		shape[16];
	uint64_t	total;
	uint64_t	page;
	unsigned	ms;

	if (sscanf(line, "GET /slow/%u", &ms) == 1)
		return answer_slowly(socket, ms);
	if (sscanf(line, "GET /%15[a-z]/%" SCNu64 "?page=%" SCNu64, shape, &total, &page) != 3 ||
		page == 0)
		return send_all(socket, nothing, sizeof(nothing) - 1);
	if ((page - 1) * PAGE_RECORDS >= total)
		return send_all(socket, empty, sizeof(empty) - 1);
	for (size_t i = 0; i < NBOOKS; i++)
	{
		const Page *found = &books[i].pages[(page - 1) % npages];

		if (strcmp(books[i].shape, shape) == 0)
			return send_all(socket, found->bytes, found->length);
	}
	return send_all(socket, nothing, sizeof(nothing) - 1);
}

static void *
serve_connection(void *arg)
{
	int			socket = (int) (intptr_t) arg;
	char		request[REQUEST_BYTES];
	size_t		used = 0;
	bool		open = true;

	while (open)
	{
		ssize_t		got = recv(socket, request + used, sizeof(request) - 1 - used, 0);
		char	   *end;

		if (got <= 0)
			break;
		used += got;
		request[used] = '\0';
		while (open && (end = strstr(request, "\r\n\r\n")) != NULL)
		{
			open = answer(socket, request);
			used -= end + 4 - request;
			memmove(request, end + 4, used + 1);
		}
	}
	close(socket);
	return NULL;
}

/* Whoever started us holds our input open; with it we end, however he ended. */
static void *
wait_for_end(void *arg)
{
	char		byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	exit(0);
	return arg;
}

static void
start_thread(void *(*run) (void *), void *arg)
{
	pthread_t	thread;

	if (pthread_create(&thread, NULL, run, arg) != 0)
		die("api: thread");
	pthread_detach(thread);
}

static void
serve(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	length = sizeof(address);
	int			listener = socket(AF_INET, SOCK_STREAM, 0);
	const int	on = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *) &address, length) != 0 ||
		listen(listener, BACKLOG) != 0 ||
		getsockname(listener, (struct sockaddr *) &address, &length) != 0)
		die("api: listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	start_thread(wait_for_end, NULL);
	for (;;)
	{
		int			socket = accept(listener, NULL, NULL);

		if (socket < 0)
			continue;
		setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		start_thread(serve_connection, (void *) (intptr_t) socket);
	}
}

/* ---- files ---- */

/* COPY's text format takes a backslash for its own. */
static void
print_escaped(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (bytes[i] == '\\')
			putchar_unlocked('\\');
		putchar_unlocked(bytes[i]);
	}
	putchar_unlocked('\n');
}

/* batch_id, page, ordinal, created_at, record; as raw tables have them */
static int
print_rows(const RecordShape *shape, const char *created_at)
{
	char		record[RECORD_BYTES_MAX];

	for (uint64_t i = 0; i < npages * PAGE_RECORDS; i++)
	{
		uint64_t	page = i / PAGE_RECORDS;

		printf("00000000-0000-7000-8000-%012" PRIx64 "\t%d\t%d\t%s\t", page / BATCH_PAGES,
			   (int) (page % BATCH_PAGES) + 1, (int) (i % PAGE_RECORDS) + 1, created_at);
		print_escaped(record, shape->write(record, i));
	}
	return fflush(stdout);
}

static int
print_pages(const RecordShape *shape)
{
	char	   *body = allocate(PAGE_RECORDS * RECORD_BYTES_MAX);

	for (uint64_t i = 0; i < npages; i++)
	{
		printf("%" PRIu64 "\t", i + 1);
		print_escaped(body, write_page(shape, i, body));
	}
	free(body);
	return fflush(stdout);
}

static int
usage(void)
{
	fputs("usage: api serve COUNT | copy SHAPE COUNT CREATED_AT | pages SHAPE COUNT\n", stderr);
	return 2;
}

/* COUNT as whole pages, at least one. */
static void
take_count(const char *text)
{
	npages = strtoull(text, NULL, 10) / PAGE_RECORDS;
	if (npages == 0)
		npages = 1;
}

int
main(int argc, char **argv)
{
	const RecordShape *shape = argc > 2 ? record_shape(argv[2]) : NULL;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
	{
		take_count(argv[2]);
		make_books();
		serve();
	}
	if (shape == NULL || argc < 4)
		return usage();
	take_count(argv[3]);
	if (argc == 5 && strcmp(argv[1], "copy") == 0)
		return print_rows(shape, argv[4]);
	if (argc == 4 && strcmp(argv[1], "pages") == 0)
		return print_pages(shape);
	return usage();
}
