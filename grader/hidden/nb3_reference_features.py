"""The right answers of exercises 3.7, 3.8 and 3.12, worked out again: small and slow."""

import math

import numpy as np


def distances_between(bank: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the table of all distances, (n, m), one by one."""
    rows = [row.tolist() for row in bank.astype(np.float64)]
    asked = queries.astype(np.float64).tolist()
    return np.array([[math.dist(query, row) for row in rows] for query in asked])


def neighbour_means(table: np.ndarray, k: int) -> np.ndarray:
    """Go through the queries one by one; the distances of one are sorted as a list."""
    return np.array([math.fsum(sorted(row)[:k]) / k for row in table.tolist()])


def mahalanobis_squares(bank: np.ndarray, queries: np.ndarray, shrinkage: float) -> np.ndarray:
    """Build the shrunk covariance (of m - 1 rows) entry by entry, and solve for each query."""
    columns = bank.astype(np.float64).T
    centred = [column - math.fsum(column) / len(column) for column in columns]
    size, rows = len(columns), len(bank)
    matrix = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            matrix[i, j] = math.fsum(centred[i] * centred[j]) / (rows - 1)
    mean_variance = math.fsum(matrix.diagonal()) / size
    matrix *= 1 - shrinkage
    for i in range(size):
        matrix[i, i] += shrinkage * mean_variance
    center = np.array([math.fsum(column) / rows for column in columns])
    squares = []
    for query in queries.astype(np.float64):
        away = query - center
        squares.append(float(away @ np.linalg.solve(matrix, away)))
    return np.array(squares)


def weighted_sums(maps: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Add up the channels of one image after the other."""
    sums = np.zeros((len(maps), *maps.shape[2:]))
    for image, (seen, slope) in enumerate(zip(maps, slopes, strict=True)):
        for channel, lit in enumerate(seen.astype(np.float64)):
            sums[image] += lit * (math.fsum(slope[channel].ravel()) / lit.size)
    return sums


def heat_maps(sums: np.ndarray) -> np.ndarray:
    """Cut off what is negative, and scale one image after the other."""
    heat = sums.copy()
    for image in heat:
        image[image < 0] = 0
        if image.max() > 0:
            image /= image.max()
    return heat
