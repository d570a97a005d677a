import iniconfig

print(iniconfig.__name__)
