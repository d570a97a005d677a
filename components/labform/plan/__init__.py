"""What a change of a lab would do, before anybody runs it: one page, from files alone or from a real preview.

page            the page as data: what is at risk, what happens to each project, who gets which GPU
trees           the files of a commit, read without checking it out and without running anything of it
registrations   what a lab registers with the engine, recorded without an engine
effects         what the engine then does with two recordings, one after the other
comparison      two sides of a stack file -> a page
preview         the JSON of `pulumi preview` -> a page
markdown, terminal   a page for a pull request, and for a person
"""
