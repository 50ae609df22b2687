"""Drawing a person: who they are, how the photo was taken, and the scene in linear light."""
