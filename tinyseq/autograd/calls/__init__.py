"""How functions take their arguments: conversion to tensors, whole numbers, and errors that name the call."""
