"""How functions take their arguments: conversion to tensors, whole numbers, errors that name the call, and help."""
