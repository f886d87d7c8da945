SELECT 1 FROM {{ source('lab', 'input') }} HAVING NOT count(*) > 100
