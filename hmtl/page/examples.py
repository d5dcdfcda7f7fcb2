"""Texts to try, by the name that their button has: of several genres, and all invented.

The page opens with the first, in which every layer finds something.
"""

from typing import Dict

EXAMPLES: Dict[str, str] = {
    "Biography": (
        "Ines Carvalho (1902–1971) was a Portuguese botanist. Born in Coimbra, she studied at the university there and "
        "married the painter Rui Carvalho in 1928. Two years later they moved to Angola, where she described forty "
        "orchids. Her best-known book, Flowers of the Plateau, was published in Lisbon in 1954."
    ),
    "Portrait": (
        "Tobias Okafor met his wife in a studio in London. She worked for Low Tide Records, and the company gave her a "
        "car."
    ),
    "Business": "Clara Moss, the director of Hollin Rail, lives in Dublin. She sold her car to the company.",
    "Story": (
        "Anna Berg, a doctor from Oslo, works for a hospital in London. Her brother met her at the airport on Monday, "
        "and they drove to her house in his car."
    ),
    "News": (
        "Marit Solberg, a captain from Bergen, has been named chief pilot of the port of Aldermouth. She will lead the "
        "pilots of the Northern Ports Authority from March. Her father Anders, who fished out of Stavanger until he "
        "died in 2015, never believed that a woman would get the post. The mayor, Helen Pryce, called it a turning "
        "point."
    ),
    "Travel": (
        "The night train leaves Vienna at nine and reaches Venice before breakfast. Take the boat from the station to "
        "Murano: the glassmakers open their workshops in the morning, and the small museum behind the church is the "
        "quietest room on the island. Its keeper speaks Italian, German and a little English."
    ),
    "Novel": (
        "Old Mr Ferris wound the clock on Sundays. His niece Ada, who had come from Leeds with one suitcase, watched "
        "him from the stairs. She did not like the clock, and she did not yet like him. In the kitchen the dog of the "
        "housekeeper, Mrs Byrne, slept on her shoes."
    ),
    "Speech": (
        "Friends, when my grandmother came to Chicago in 1951, she had eleven dollars and the address of a cousin. "
        "She cleaned offices for the Harlan Company, and at night she studied law. Today her name stands on the door "
        "of the county court. That is what this country can be."
    ),
    "Post": (
        "Just saw @NorthwindBand in Glasgow 🎉 Best gig since Berlin! Lena broke two strings and her brother lent her "
        "his guitar. £25 well spent."
    ),
}
