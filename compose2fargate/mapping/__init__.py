"""From a compose project to a stack of AWS resources: the only package that knows both sides."""
