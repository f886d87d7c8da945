SELECT id FROM {{ source('lab', 'input') }} WHERE NOT amount BETWEEN 0 AND 1000
