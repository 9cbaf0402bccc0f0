// Swift protocols over CVinculum for plugin authors; nothing of the node.
