/*
 * role.h
 *	  Who administers dataops and who sees whose pipelines.  The levels themselves and what each may
 *	  do are one table in SQL, dataops._level_of().
 *
 * Copyright (c) 2026, dataops authors; PostgreSQL License
 */
#ifndef DATAOPS_ROLE_H
#define DATAOPS_ROLE_H

#include "postgres.h"

/* Has it the level "admin", or the rights of the database's owner, or is it a superuser? */
extern bool role_is_admin(Oid role);

/* Can a session of its own be had as this role? */
extern bool role_can_log_in(Oid role);

/* For a new session: the current user if it can log in, else the role that did. */
extern Oid	role_to_connect_as(void);

/* Throws 42501 unless the current user is one; "action" ends "permission denied to …". */
extern void role_check_admin(const char *action);

#endif
