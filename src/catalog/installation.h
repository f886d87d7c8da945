/*
 * installation.h
 *	  The fence: an installation acts in the one database where it was made or adopted.  A copy that
 *	  came from a dump, a template or pg_upgrade stays still until a person says so.
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_INSTALLATION_H
#define DATAOPS_INSTALLATION_H

#include "postgres.h"

/*
 * Throws 55000 on a standby and in a copy that nobody adopted.  Records this database when no
 * installation is recorded yet.  To be called before anything runs or leaves.
 */
extern void installation_check(void);

#endif
