"""The stack as a whole: put together from what the other rooms make of services, and checked."""
