-- Everything the extension dataops consists of, one line of text each, in an order of its own and without OIDs:
-- two databases that print the same have the same catalogue.
CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, pg_identify_object(d.classid, d.objid, 0)::text AS name
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'dataops');

CREATE TEMP VIEW relation AS
SELECT c.*, m.name AS identity
FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;

-- Grants in an order that does not depend on the one they were made in.
CREATE FUNCTION pg_temp.grants(acl aclitem[]) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(acl) a $$;

CREATE TEMP VIEW line AS
SELECT 'member' AS kind, name AS object, '' AS detail FROM member
UNION ALL
SELECT 'comment', m.name, format('%s: %s', d.objsubid, d.description)
FROM member m JOIN pg_description d ON d.classoid = m.classid AND d.objoid = m.objid
UNION ALL
SELECT 'initial grants', m.name, format('%s: %s', i.objsubid, pg_temp.grants(i.initprivs))
FROM member m JOIN pg_init_privs i ON i.classoid = m.classid AND i.objoid = m.objid
UNION ALL
SELECT 'schema', m.name, format('owner %s, grants %s', n.nspowner::regrole, pg_temp.grants(n.nspacl))
FROM member m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
UNION ALL
SELECT 'function', m.name, format('owner %s, grants %s%s%s', p.proowner::regrole, pg_temp.grants(p.proacl), E'\n',
	CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END)
FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
UNION ALL
SELECT 'relation', r.identity, format('kind %s, owner %s, persistence %s, options %s, row security %s %s, partition %s %s, grants %s',
	r.relkind, r.relowner::regrole, r.relpersistence, r.reloptions, r.relrowsecurity, r.relforcerowsecurity,
	pg_get_partkeydef(r.oid), pg_get_expr(r.relpartbound, r.oid), pg_temp.grants(r.relacl))
FROM relation r
UNION ALL
SELECT 'view', r.identity, pg_get_viewdef(r.oid) FROM relation r WHERE r.relkind IN ('v', 'm')
UNION ALL
SELECT 'column', r.identity, format('%s %s %s not null %s, default %s, identity "%s", generated "%s", collation %s, storage %s, grants %s',
	row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
	a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
	a.attcollation::regcollation, a.attstorage, pg_temp.grants(a.attacl))
FROM relation r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'index', r.identity, pg_get_indexdef(i.indexrelid)
FROM relation r JOIN pg_index i ON i.indrelid = r.oid
UNION ALL
SELECT 'constraint', coalesce(r.identity, m.name), c.conname || ' ' || pg_get_constraintdef(c.oid)
FROM pg_constraint c
LEFT JOIN relation r ON r.oid = c.conrelid
LEFT JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = c.contypid AND c.contypid <> 0
WHERE r.oid IS NOT NULL OR m.objid IS NOT NULL
UNION ALL
SELECT 'trigger', r.identity, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'rule', r.identity, pg_get_ruledef(w.oid)
FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.identity, format('%s %s %s using %s check %s', p.polname, p.polcmd, p.polpermissive,
	pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'sequence', r.identity, format('%s from %s by %s between %s and %s cache %s cycle %s', s.seqtypid::regtype, s.seqstart,
	s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
UNION ALL
SELECT 'dumped', c.oid::regclass::text, x.condition
FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x (relation, condition) JOIN pg_class c ON c.oid = x.relation
WHERE e.extname = 'dataops'
UNION ALL
SELECT 'type', m.name, format('kind %s, base %s, not null %s, default %s, labels %s, grants %s', t.typtype,
	format_type(nullif(t.typbasetype, 0), t.typtypmod), t.typnotnull, t.typdefault,
	(SELECT string_agg(l.enumlabel, ',' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid),
	pg_temp.grants(t.typacl))
FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
UNION ALL
SELECT 'wrapper', m.name, format('owner %s, handler %s, validator %s, options %s, grants %s', w.fdwowner::regrole,
	w.fdwhandler::regproc, w.fdwvalidator::regproc, w.fdwoptions, pg_temp.grants(w.fdwacl))
FROM member m JOIN pg_foreign_data_wrapper w ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
UNION ALL
SELECT 'event trigger', m.name, format('on %s call %s when %s enabled %s', t.evtevent, t.evtfoid::regproc, t.evttags, t.evtenabled)
FROM member m JOIN pg_event_trigger t ON m.classid = 'pg_event_trigger'::regclass AND t.oid = m.objid;

SELECT text
FROM (SELECT kind || ' | ' || object || ' | ' || replace(coalesce(detail, ''), E'\n', '\n') AS text FROM line) l
ORDER BY text COLLATE "C";
