"""What a point rests on: values admitted from behind the wall, and what they are compared with."""
