#!/bin/sh
hello
