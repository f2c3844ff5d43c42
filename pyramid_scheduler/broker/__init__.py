"""Messages on their way: sealing, publishing, consuming. The only wing that imports Kombu."""
