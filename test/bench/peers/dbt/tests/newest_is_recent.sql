SELECT 1 FROM {{ source('lab', 'input') }} HAVING NOT max(seen_at) > '2020-01-01'
