"""Who talks to whom at which port: one reader of addresses, and what follows from them."""
