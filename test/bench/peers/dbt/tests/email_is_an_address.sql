SELECT id FROM {{ source('lab', 'input') }} WHERE NOT email ~ '^[a-z0-9]+@[a-z]+\.com$'
