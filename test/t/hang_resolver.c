/*
 * hang_resolver.c
 *	  Preloaded into a test's server: looking up a name below .blackhole never ends, as with a name
 *	  server that does not answer; one below .nowhere does not exist.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	int			(*real) (const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (node != NULL && strstr(node, ".blackhole") != NULL)
		for (;;)
			sleep(60);
	if (node != NULL && strstr(node, ".nowhere") != NULL)
		return EAI_NONAME;
	real = (int (*) (const char *, const char *, const struct addrinfo *, struct addrinfo **))
		dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, result);
}
